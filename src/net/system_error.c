/* SPDX-License-Identifier: Apache-2.0 */
#include "net/system_error.h"

#include <errno.h>

enum larder_error system_error(int number) {
    switch (number) {
    case ECONNREFUSED:
        return LARDER_ERROR_REFUSED;
    case ETIMEDOUT:
        return LARDER_ERROR_TIMEOUT;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return LARDER_ERROR_CLOSED;
    case EADDRINUSE:
        return LARDER_ERROR_IN_USE;
    case ENOENT:
        return LARDER_ERROR_NOT_FOUND;
    case EMFILE:
    case ENFILE:
        return LARDER_ERROR_LIMIT;
    case ENOMEM:
    case ENOBUFS:
        return LARDER_ERROR_NO_MEMORY;
    default:
        return LARDER_ERROR_IO;
    }
}
