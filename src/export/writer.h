/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_WRITER_H
#define LARDER_EXPORT_WRITER_H

#include "base/buf.h"

/* Appends text until something fails, then keeps the first error: so who writes stays a straight line. */
struct writer {
    struct buf *out;
    enum larder_error error;
};

#define WRITE(writer, ...)                                                                                             \
    do {                                                                                                               \
        if ((writer)->error == LARDER_OK) {                                                                            \
            (writer)->error = buf_printf((writer)->out, __VA_ARGS__);                                                  \
        }                                                                                                              \
    } while (0)

#endif
