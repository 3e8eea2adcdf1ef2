/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/date_read.h"

#include <time.h>

#include "proto/http/chars.h"

enum { NAME_MAX_SIZE = 9 /* of "Wednesday" */ };

/* %a and %A are the short and the long name of a day, %b that of a month, %e a day with a space for its first digit, the
 * others as in strftime; anything else stands for itself, in any case. */
static const char *const forms[] = {
    "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
    "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
    "%a %b %e %H:%M:%S %Y",      /* asctime() */
};

static const char days[7][NAME_MAX_SIZE + 1] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct reading {
    struct slice rest;
    struct tm tm;
    bool short_year;
};

static bool take_word(struct slice *rest, struct slice word) {
    if (rest->size < word.size || !http_is_word(slice_make(rest->data, word.size), word)) {
        return false;
    }
    *rest = slice_skip(*rest, word.size);
    return true;
}

static bool take_number(struct slice *rest, size_t digits, int *ret_number) {
    int number = 0;

    if (rest->size < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (rest->data[i] < '0' || rest->data[i] > '9') {
            return false;
        }
        number = 10 * number + (rest->data[i] - '0');
    }
    *rest = slice_skip(*rest, digits);
    *ret_number = number;
    return true;
}

static bool take_day_name(struct slice *rest, bool whole) {
    for (unsigned i = 0; i < 7; i++) {
        struct slice name = slice_from_string(days[i]);

        name.size = whole ? name.size : 3;
        if (take_word(rest, name)) {
            return true;
        }
    }
    return false;
}

static bool take_month(struct slice *rest, int *ret_month) {
    for (int i = 0; i < 12; i++) {
        if (take_word(rest, slice_make(months[i], 3))) {
            *ret_month = i;
            return true;
        }
    }
    return false;
}

static bool take_part(struct reading *r, char part) {
    switch (part) {
    case 'a':
    case 'A':
        return take_day_name(&r->rest, part == 'A');
    case 'b':
        return take_month(&r->rest, &r->tm.tm_mon);
    case 'd':
        return take_number(&r->rest, 2, &r->tm.tm_mday);
    case 'e':
        return take_word(&r->rest, SLICE(" ")) ? take_number(&r->rest, 1, &r->tm.tm_mday)
                                               : take_number(&r->rest, 2, &r->tm.tm_mday);
    case 'H':
        return take_number(&r->rest, 2, &r->tm.tm_hour);
    case 'M':
        return take_number(&r->rest, 2, &r->tm.tm_min);
    case 'S':
        return take_number(&r->rest, 2, &r->tm.tm_sec);
    case 'y':
        r->short_year = true;
        return take_number(&r->rest, 2, &r->tm.tm_year);
    default:
        return take_number(&r->rest, 4, &r->tm.tm_year);
    }
}

static bool take_form(struct reading *r, const char *form) {
    while (*form != '\0') {
        bool taken = *form == '%' ? take_part(r, form[1]) : take_word(&r->rest, slice_make(form, 1));

        if (!taken) {
            return false;
        }
        form += *form == '%' ? 2 : 1;
    }
    return r->rest.size == 0;
}

/* The latest year with these two digits that is at most 50 years away. */
static int whole_year(int digits, int64_t now) {
    time_t time = (time_t)now;
    struct tm tm;
    int year;

    if (gmtime_r(&time, &tm) == NULL) {
        return 1900 + digits;
    }
    year = (tm.tm_year + 1900) / 100 * 100 + 100 + digits;
    while (year - (tm.tm_year + 1900) > 50) {
        year -= 100;
    }
    return year;
}

/* False: there is no such day, or no such time of day. */
static bool second_of(struct tm tm, int64_t *ret_second) {
    int day = tm.tm_mday;

    if (day == 0 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) {
        return false;
    }
    tm.tm_sec = tm.tm_sec == 60 ? 59 : tm.tm_sec;
    *ret_second = timegm(&tm);
    return tm.tm_mday == day;
}

bool http_date_read(struct slice text, int64_t now, int64_t *ret_second) {
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct reading r = {.rest = text};
        int64_t second;

        if (take_form(&r, forms[i])) {
            r.tm.tm_year = (r.short_year ? whole_year(r.tm.tm_year, now) : r.tm.tm_year) - 1900;
            if (!second_of(r.tm, &second)) {
                return false;
            }
            *ret_second = second;
            return true;
        }
    }
    return false;
}
