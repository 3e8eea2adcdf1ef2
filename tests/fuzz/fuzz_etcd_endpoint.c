/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of etcd's endpoints, as an operator or a cluster writes them: what is understood is understood again when it is
 * written out, and what is not is told in a sentence. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/etcd/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 3 };

static void check_again(const struct etcd_endpoint *endpoint) {
    char text[ETCD_ENDPOINT_TEXT_MAX];
    struct etcd_endpoint again;
    size_t count;
    struct buf why;

    buf_init(&why, 1 << 12);
    assert(etcd_endpoints_parse(slice_from_string(etcd_endpoint_format(endpoint, text)), &again, 1, &count, &why));
    assert(count == 1 && etcd_endpoint_equal(endpoint, &again));
    buf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct etcd_endpoint endpoints[MAX];
    size_t count = 0;
    struct buf why;

    buf_init(&why, 1 << 12);
    if (etcd_endpoints_parse(slice_make((const char *)data, size), endpoints, MAX, &count, &why)) {
        assert(count >= 1 && count <= MAX && why.size == 0);
        for (size_t i = 0; i < count; i++) {
            check_again(&endpoints[i]);
            for (size_t j = 0; j < i; j++) {
                assert(!etcd_endpoint_equal(&endpoints[i], &endpoints[j]));
            }
        }
    } else {
        assert(count == 0 && why.size > 0);
    }
    buf_fini(&why);
    return 0;
}
