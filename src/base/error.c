/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

const char *larder_error_text(enum larder_error error) {
    switch (error) {
    case LARDER_OK:
        return "success";
#define ERROR(name, text)                                                                                              \
    case LARDER_ERROR_##name:                                                                                          \
        return text;
#include "base/errors.def"
#undef ERROR
    }
    return "unknown error";
}
