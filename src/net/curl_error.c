/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_error.h"

enum larder_error curl_error(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return LARDER_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return LARDER_ERROR_NOT_FOUND;
    case CURLE_COULDNT_CONNECT:
        return LARDER_ERROR_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return LARDER_ERROR_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return LARDER_ERROR_CLOSED;
    case CURLE_OUT_OF_MEMORY:
        return LARDER_ERROR_NO_MEMORY;
#if CURL_AT_LEAST_VERSION(8, 6, 0)
    case CURLE_TOO_LARGE:
        return LARDER_ERROR_LIMIT;
#endif
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return LARDER_ERROR_PROTOCOL;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
        return LARDER_ERROR_INVALID;
    default:
        return LARDER_ERROR_IO;
    }
}
