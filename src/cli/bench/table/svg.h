/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_SVG_H
#define LARDER_CLI_BENCH_TABLE_SVG_H

#include <stdio.h>

/* The few shapes of SVG 1.1 that a plot needs, written as they come. Lengths are in pixels, colours as CSS has them. */

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* The whole picture, white behind. */
void svg_begin(FILE *to, double width, double height, const char *title);
void svg_end(FILE *to);

void svg_line(FILE *to, double x1, double y1, double x2, double y2, const char *colour, double width);
void svg_dot(FILE *to, double x, double y, double radius, const char *colour);

struct svg_font {
    double size;
    const char *colour;
    int weight; /* 400: as usual, 600: bold */
    enum svg_anchor anchor;
};

/* `text` is escaped; a byte that no XML may hold becomes a question mark. (x, y) is on its base line. */
void svg_text(FILE *to, double x, double y, const struct svg_font *font, const char *text);

#endif
