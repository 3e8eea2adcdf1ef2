/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otlp_resource.h"

/* KeyValue: key 1, value 2. AnyValue: string_value 1. Resource: attributes 1. InstrumentationScope: name 1, version 2. */

void otlp_put_text_attribute(struct protobuf *p, unsigned field, struct slice key, struct slice value) {
    size_t pair = protobuf_begin(p, field);
    size_t any;

    protobuf_text(p, 1, key);
    any = protobuf_begin(p, 2);
    protobuf_put_text(p, 1, value);
    protobuf_end(p, any);
    protobuf_end(p, pair);
}

void otlp_put_resource(struct protobuf *p, const struct otlp_resource *resource) {
    size_t mark = protobuf_begin(p, 1);

    for (size_t i = 0; i < resource->count; i++) {
        otlp_put_text_attribute(p, 1, resource->attributes[i].key, resource->attributes[i].value);
    }
    protobuf_end(p, mark);
}

void otlp_put_scope(struct protobuf *p) {
    size_t mark = protobuf_begin(p, 1);

    protobuf_text(p, 1, SLICE("larder"));
    protobuf_text(p, 2, SLICE(LARDER_VERSION));
    protobuf_end(p, mark);
}
