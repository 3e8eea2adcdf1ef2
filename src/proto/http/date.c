/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/date.h"

#include <stdio.h>
#include <time.h>

/* The names are part of the format, whatever the locale. */
static void write_line(struct http_date *date) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t time = (time_t)date->second;
    struct tm tm;

    gmtime_r(&time, &tm);
    date->size = (size_t)snprintf(date->line, sizeof(date->line), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                                  days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
                                  tm.tm_min, tm.tm_sec);
}

struct slice http_date_line(struct http_date *date, int64_t second) {
    if (date->second != second) {
        date->second = second;
        write_line(date);
    }
    return slice_make(date->line, date->size);
}
