/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/bench/table/report.h"
#include "cli/bench/table/scale.h"
#include "cli/bench/table/svg.h"
#include "cli/human.h"

/* A band for each row, with a lane for each side; two panels over them, rate and latency, each with an axis of its own. */

enum {
    MARGIN = 24,
    LABEL_WIDTH = 196,
    PANEL_WIDTH = 270,
    PANEL_GAP = 92, /* the figure of a dot at the right end stands there */
    WIDTH = MARGIN + LABEL_WIDTH + 2 * (PANEL_WIDTH + PANEL_GAP),
    LANE = 17,
    BAND_GAP = 13,
    HEADING = 34, /* above the writes and above the reads */
    LEGEND_LINE = 20,
    TITLE = 58,
    AXIS = 24,
    LEGEND_TEXT_MAX = 110, /* letters that fit into the picture */
};

static const char GRID[] = "#e4e7eb", TRACK[] = "#f1f3f5", INK[] = "#1f2933", PALE[] = "#7b8794";
static const char *const colours[TABLE_SIDES] = {"#1f6fb2", "#d9660a"};

struct panel {
    const char *title;
    double left;
    struct scale scale;
    double (*figure)(const struct table_cell *cell);
    void (*format)(double figure, char ret_text[HUMAN_TEXT_MAX]);
};

struct plot {
    const struct table *table;
    FILE *to;
    struct panel panels[2];
    double top; /* of the bands, headings included */
    double bottom;
};

static void format_rate(double figure, char ret_text[HUMAN_TEXT_MAX]) {
    human_count((uint64_t)(figure + 0.5), ret_text);
}

static void format_latency(double figure, char ret_text[HUMAN_TEXT_MAX]) {
    snprintf(ret_text, HUMAN_TEXT_MAX, "%.*f ms", figure < 1.0 ? 3 : figure < 10.0 ? 2 : 1, figure);
}

static bool begins_part(const struct table *table, size_t row) {
    return row == 0 || table->rows[row - 1].kind != table->rows[row].kind;
}

static double band_height(const struct table *table) {
    return (double)table->side_count * LANE;
}

/* --- what stands around --- */

static void draw_legend(const struct plot *plot, size_t side) {
    const struct svg_font font = {12, INK, 400, SVG_START};
    const struct etcd_target *target = &plot->table->sides[side].target;
    char text[ETCD_ENDPOINTS_MAX * ADDRESS_TEXT_MAX];
    char address[ADDRESS_TEXT_MAX];
    double y = TITLE + (double)side * LEGEND_LINE;
    int size = snprintf(text, sizeof(text), "%s  %s%s", plot->table->sides[side].name,
                        target->version[0] == '\0' ? "" : "version ", target->version);

    for (size_t i = 0; i < target->count; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%s", i == 0 ? "  at " : ", ",
                         address_format(&target->endpoints[i].address, address));
        if (size > LEGEND_TEXT_MAX && i + 1 < target->count) {
            size += snprintf(text + size, sizeof(text) - (size_t)size, ", ... (%zu in all)", target->count);
            break;
        }
    }
    svg_dot(plot->to, MARGIN + 5, y - 4, 5, colours[side]);
    svg_text(plot->to, MARGIN + 18, y, &font, text);
}

static void draw_title(const struct plot *plot) {
    const struct svg_font title = {17, INK, 600, SVG_START};
    const struct svg_font note = {11, PALE, 400, SVG_END};
    char text[128];

    svg_text(plot->to, MARGIN, 32, &title, "Writes and reads, as on etcd's page");
    snprintf(text, sizeof(text), "keys of %u bytes, values of %d bytes%s",
             (unsigned)table_plan_key_size(plot->table->config), TABLE_VALUE_SIZE,
             plot->table->config->scale < 1.0 ? ", scaled down: not for figures" : "");
    svg_text(plot->to, WIDTH - MARGIN, 32, &note, text);
    for (size_t side = 0; side < plot->table->side_count; side++) {
        draw_legend(plot, side);
    }
}

static void draw_axis(const struct plot *plot, const struct panel *panel) {
    const struct svg_font title = {12, INK, 600, SVG_START};
    const struct svg_font tick = {10.5, PALE, 400, SVG_MIDDLE};
    char text[SCALE_TEXT_MAX];

    svg_text(plot->to, panel->left, plot->top - 8, &title, panel->title);
    for (int power = panel->scale.first; power <= panel->scale.last; power++) {
        double x = panel->left + PANEL_WIDTH * (double)(power - panel->scale.first) /
                                     (double)(panel->scale.last - panel->scale.first);

        svg_line(plot->to, x, plot->top, x, plot->bottom, GRID, 1);
        svg_text(plot->to, x, plot->bottom + 15, &tick, scale_tick(power, text));
    }
}

/* --- the bands --- */

static void draw_cell(const struct plot *plot, const struct panel *panel, size_t row, size_t side, double y) {
    const struct svg_font number = {11.5, colours[side], 600, SVG_START};
    const struct svg_font trouble = {11, PALE, 400, SVG_START};
    const struct table_cell *cell = &plot->table->cells[row][side];
    char text[HUMAN_TEXT_MAX];
    double x;

    svg_line(plot->to, panel->left, y, panel->left + PANEL_WIDTH, y, TRACK, 6);
    if (cell->state != TABLE_MEASURED) {
        snprintf(text, sizeof(text), "no result (%s)", table_state_text(cell->state));
        svg_text(plot->to, panel->left + 6, y + 4, &trouble, text);
        return;
    }
    x = panel->left + PANEL_WIDTH * scale_place(&panel->scale, panel->figure(cell));
    svg_line(plot->to, panel->left, y, x, y, colours[side], 2);
    svg_dot(plot->to, x, y, 5, colours[side]);
    panel->format(panel->figure(cell), text);
    svg_text(plot->to, x + 10, y + 4, &number, text);
}

static void draw_band(const struct plot *plot, size_t row, double y) {
    const struct svg_font label = {12, INK, 400, SVG_START};
    char text[TABLE_ROW_TEXT_MAX];

    svg_text(plot->to, MARGIN, y + band_height(plot->table) / 2 + 4, &label,
             table_plan_describe(&plot->table->rows[row], text));
    for (size_t side = 0; side < plot->table->side_count; side++) {
        for (size_t i = 0; i < 2; i++) {
            draw_cell(plot, &plot->panels[i], row, side, y + ((double)side + 0.5) * LANE);
        }
    }
}

static void draw_bands(const struct plot *plot) {
    const struct svg_font heading = {13, INK, 600, SVG_START};
    double y = plot->top;

    for (size_t row = 0; row < plot->table->row_count; row++) {
        if (begins_part(plot->table, row)) {
            y += HEADING;
            svg_text(plot->to, MARGIN, y - 12, &heading, plot->table->rows[row].kind == ETCD_PUT ? "Writes" : "Reads");
        }
        draw_band(plot, row, y);
        y += band_height(plot->table) + BAND_GAP;
    }
}

/* --- the whole --- */

static void set_panel(const struct table *table, struct panel *panel) {
    scale_init(&panel->scale);
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t side = 0; side < table->side_count; side++) {
            if (table->cells[row][side].state == TABLE_MEASURED) {
                scale_include(&panel->scale, panel->figure(&table->cells[row][side]));
            }
        }
    }
    scale_finish(&panel->scale);
}

static double bottom_of(const struct table *table, double top) {
    double y = top;

    for (size_t row = 0; row < table->row_count; row++) {
        y += band_height(table) + BAND_GAP + (begins_part(table, row) ? HEADING : 0);
    }
    return y;
}

void table_report_plot(const struct table *table, FILE *to) {
    struct plot plot = {
        .table = table,
        .to = to,
        .panels =
            {{"requests a second, more is better", MARGIN + LABEL_WIDTH, {.empty = true}, table_rate, format_rate},
             {"mean latency in ms, less is better",
              MARGIN + LABEL_WIDTH + PANEL_WIDTH + PANEL_GAP,
              {.empty = true},
              table_mean_ms,
              format_latency}},
        .top = TITLE + (double)table->side_count * LEGEND_LINE + 18,
    };

    plot.bottom = bottom_of(table, plot.top);
    svg_begin(to, WIDTH, plot.bottom + AXIS + 12, "Writes and reads, as on etcd's page");
    draw_title(&plot);
    for (size_t i = 0; i < 2; i++) {
        set_panel(table, &plot.panels[i]);
        draw_axis(&plot, &plot.panels[i]);
    }
    draw_bands(&plot);
    svg_end(to);
}
