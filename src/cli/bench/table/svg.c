/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/svg.h"

#include <string.h>

#include "cli/human.h"

static void put_escaped(FILE *to, const char *text) {
    /* Not UTF-8: no byte above ASCII means anything. */
    int ascii_only = !human_readable(slice_from_string(text));

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '<') {
            fputs("&lt;", to);
        } else if (c == '&') {
            fputs("&amp;", to);
        } else if (c == '>') {
            fputs("&gt;", to);
        } else {
            fputc(c < ' ' || c == 0x7f || (ascii_only && c > 0x7f) ? '?' : c, to);
        }
    }
}

void svg_begin(FILE *to, double width, double height, const char *title) {
    fprintf(to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
            "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\">\n"
            "<title>",
            width, height, width, height);
    put_escaped(to, title);
    fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", to);
}

void svg_end(FILE *to) {
    fputs("</svg>\n", to);
}

void svg_line(FILE *to, double x1, double y1, double x2, double y2, const char *colour, double width) {
    fprintf(to,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\" "
            "stroke-linecap=\"round\"/>\n",
            x1, y1, x2, y2, colour, width);
}

void svg_dot(FILE *to, double x, double y, double radius, const char *colour) {
    fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"/>\n", x, y, radius, colour);
}

void svg_text(FILE *to, double x, double y, const struct svg_font *font, const char *text) {
    static const char *const anchors[] = {[SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};

    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\" fill=\"%s\" font-weight=\"%d\" text-anchor=\"%s\">", x,
            y, font->size, font->colour, font->weight, anchors[font->anchor]);
    put_escaped(to, text);
    fputs("</text>\n", to);
}
