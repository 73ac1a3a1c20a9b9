/* SPDX-License-Identifier: AGPL-3.0-only */
/* Lines of source code from .debug_line: the line number programs of DWARF versions 2 to 5 (DWARF 5
 * §6.2). A program is run from its beginning and asked for one address; each of its operations
 * takes at least a byte, so the work is bounded by the section. Addresses count from the code
 * section's content. */
#include <stdio.h>
#include <string.h>

#include "wasm_module.h"

/* Header of one program. */
struct unit {
    const struct wasm_module *module;
    uint16_t version;
    uint8_t address_size;
    bool is_64; /* offsets of 8 bytes */
    uint8_t min_len, line_range, opcode_base;
    int8_t line_base;
    const uint8_t *operand_counts; /* of opcodes 1 to opcode_base - 1 */
    const uint8_t *folders;        /* the tables, unread */
    const uint8_t *end;
    struct wb_reader program;
};

/* One row of the matrix. */
struct row {
    uint64_t address;
    uint32_t file, line, column;
};

static uint64_t offset_read(struct wb_reader *r, bool is_64)
{
    return is_64 ? wb_read_le64(r) : wb_read_le32(r);
}

static struct wasm_text string_read(struct wb_reader *r)
{
    const uint8_t *at = r->at;
    while (r->err == WB_OK && wb_read_u8(r) != 0) {
    }
    return r->err == WB_OK ? (struct wasm_text){(const char *)at, (uint32_t)(r->at - at - 1)}
                           : (struct wasm_text){NULL, 0};
}

static struct wasm_text string_at(struct wasm_span section, uint64_t offset)
{
    struct wb_reader r;
    if (offset >= section.len) {
        return (struct wasm_text){NULL, 0};
    }
    wb_reader_init(&r, section.at + offset, section.len - offset);
    return string_read(&r);
}

static bool unit_read(struct wb_reader *section, const struct wasm_module *m, struct unit *u)
{
    *u = (struct unit){.module = m, .address_size = 4};
    uint64_t len = wb_read_le32(section);
    u->is_64 = len == UINT32_MAX;
    len = u->is_64 ? wb_read_le64(section) : len;
    if (section->err != WB_OK || len > wb_reader_left(section)) {
        return false;
    }
    struct wb_reader r;
    wb_reader_init(&r, section->at, (size_t)len);
    (void)wb_read_bytes(section, (size_t)len);
    u->version = wb_read_le16(&r);
    if (u->version < 2 || u->version > 5) {
        return true; /* the next one may be known */
    }
    if (u->version >= 5) {
        u->address_size = wb_read_u8(&r);
        (void)wb_read_u8(&r);
    }
    uint64_t header_len = offset_read(&r, u->is_64);
    if (header_len > wb_reader_left(&r)) {
        u->version = 0;
        return true;
    }
    u->end = r.at + header_len;
    wb_reader_init(&u->program, u->end, (size_t)(wb_reader_left(&r) - header_len));
    u->min_len = wb_read_u8(&r);
    if (u->version >= 4) {
        (void)wb_read_u8(&r); /* operations an instruction: 1 */
    }
    (void)wb_read_u8(&r); /* default_is_stmt */
    u->line_base = (int8_t)wb_read_u8(&r);
    u->line_range = wb_read_u8(&r);
    u->opcode_base = wb_read_u8(&r);
    u->operand_counts = wb_read_bytes(&r, u->opcode_base > 0 ? u->opcode_base - 1u : 0);
    u->folders = r.at;
    if (r.err != WB_OK || r.at > u->end || u->line_range == 0 || u->opcode_base == 0) {
        u->version = 0;
    }
    return true;
}

/* ---- the program --------------------------------------------------------------------------- */

struct search {
    uint64_t wanted;
    struct row before; /* newest row of the sequence, if any */
    bool has_before;
    bool is_found;
    struct row found;
};

/* A row ends the range of the one before it. */
static void row_emit(struct search *s, const struct row *row, bool is_end)
{
    if (s->has_before && !s->is_found && s->before.address <= s->wanted &&
        s->wanted < row->address) {
        s->is_found = true;
        s->found = s->before;
    }
    s->before = *row;
    s->has_before = !is_end;
}

static const struct row row_start = {0, 1, 1, 0};

static void extended(struct unit *u, struct search *s, struct row *row)
{
    struct wb_reader *r = &u->program;
    uint32_t len = wasm_read_u32(r);
    const uint8_t *at = wb_read_bytes(r, len);
    struct wb_reader operand;
    if (at == NULL || len == 0) {
        return;
    }
    wb_reader_init(&operand, at + 1, len - 1);
    switch (at[0]) {
    case 1: /* DW_LNE_end_sequence */
        row_emit(s, row, true);
        *row = row_start;
        break;
    case 2: /* DW_LNE_set_address */
        row->address = len - 1 == 8 ? wb_read_le64(&operand) : wb_read_le32(&operand);
        break;
    default: break; /* define_file, set_discriminator, vendors' own */
    }
}

static void standard(struct unit *u, struct search *s, struct row *row, uint8_t opcode)
{
    struct wb_reader *r = &u->program;
    switch (opcode) {
    case 1: row_emit(s, row, false); break;                                 /* DW_LNS_copy */
    case 2: row->address += (uint64_t)wasm_read_u32(r) * u->min_len; break; /* advance_pc */
    case 3: row->line += (uint32_t)wasm_read_s64(r); break;                 /* advance_line */
    case 4: row->file = wasm_read_u32(r); break;                            /* set_file */
    case 5: row->column = wasm_read_u32(r); break;                          /* set_column */
    case 8: row->address += (uint64_t)((255u - u->opcode_base) / u->line_range) * u->min_len; break;
    case 9: row->address += wb_read_le16(r); break; /* fixed_advance_pc */
    default:
        for (unsigned i = 0; i < u->operand_counts[opcode - 1]; i++) {
            (void)wasm_read_u32(r);
        }
        break;
    }
}

static bool unit_search(struct unit *u, uint64_t address, struct row *found)
{
    struct search s = {.wanted = address};
    struct row row = row_start;
    struct wb_reader *r = &u->program;
    while (wb_reader_left(r) > 0 && r->err == WB_OK && !s.is_found) {
        uint8_t opcode = wb_read_u8(r);
        if (opcode >= u->opcode_base) {
            unsigned adjusted = opcode - u->opcode_base;
            row.address += (uint64_t)(adjusted / u->line_range) * u->min_len;
            row.line += (uint32_t)(u->line_base + (int)(adjusted % u->line_range));
            row_emit(&s, &row, false);
        } else if (opcode == 0) {
            extended(u, &s, &row);
        } else {
            standard(u, &s, &row, opcode);
        }
    }
    *found = s.found;
    return s.is_found;
}

/* ---- file names ---------------------------------------------------------------------------- */

/* One attribute of a version 5 table entry. */
static bool form_read(const struct unit *u, struct wb_reader *r, uint32_t form,
                      struct wasm_text *text, uint64_t *number)
{
    switch (form) {
    case 0x08: *text = string_read(r); break; /* string */
    case 0x1f: *text = string_at(u->module->debug_line_str, offset_read(r, u->is_64)); break;
    case 0x0e: *text = string_at(u->module->debug_str, offset_read(r, u->is_64)); break;
    case 0x0b: *number = wb_read_u8(r); break;                  /* data1 */
    case 0x05: *number = wb_read_le16(r); break;                /* data2 */
    case 0x06: *number = wb_read_le32(r); break;                /* data4 */
    case 0x07: *number = wb_read_le64(r); break;                /* data8 */
    case 0x1e: (void)wb_read_bytes(r, 16); break;               /* data16: an MD5 sum */
    case 0x0f: *number = wasm_read_u32(r); break;               /* udata */
    case 0x09: (void)wb_read_bytes(r, wasm_read_u32(r)); break; /* block */
    default: return false;
    }
    return r->err == WB_OK;
}

/* Entry number `wanted` of a version 5 table; r moves behind the table when it is UINT32_MAX. */
static bool table5_find(const struct unit *u, struct wb_reader *r, uint32_t wanted,
                        struct wasm_text *name, uint64_t *folder)
{
    uint32_t formats[2 * 8];
    uint8_t format_count = wb_read_u8(r);
    if (format_count > 8) {
        return false;
    }
    for (unsigned i = 0; i < 2u * format_count; i++) {
        formats[i] = wasm_read_u32(r);
    }
    uint32_t count = wasm_read_u32(r);
    if (format_count == 0) {
        return false;
    }
    for (uint32_t i = 0; i < count && r->err == WB_OK; i++) {
        for (unsigned k = 0; k < format_count; k++) {
            struct wasm_text text = {NULL, 0};
            uint64_t number = 0;
            const uint8_t *before = r->at;
            if (!form_read(u, r, formats[2 * k + 1], &text, &number) || r->at == before) {
                return false;
            }
            if (i == wanted && formats[2 * k] == 1) { /* DW_LNCT_path */
                *name = text;
            } else if (i == wanted && formats[2 * k] == 2) { /* DW_LNCT_directory_index */
                *folder = number;
            }
        }
        if (i == wanted) {
            return name->at != NULL;
        }
    }
    return false;
}

static void file5_find(const struct unit *u, uint32_t file, struct wasm_line *line)
{
    struct wb_reader r;
    struct wasm_text none = {NULL, 0};
    uint64_t folder = UINT32_MAX;
    uint64_t ignored = 0;
    wb_reader_init(&r, u->folders, (size_t)(u->end - u->folders));
    (void)table5_find(u, &r, UINT32_MAX, &none, &ignored);
    if (table5_find(u, &r, file, &line->file, &folder) && folder < UINT32_MAX) {
        wb_reader_init(&r, u->folders, (size_t)(u->end - u->folders));
        (void)table5_find(u, &r, (uint32_t)folder, &line->folder, &ignored);
    }
}

static void file4_find(const struct unit *u, uint32_t file, struct wasm_line *line)
{
    struct wb_reader r;
    struct wasm_text text;
    uint32_t folder = 0;
    wb_reader_init(&r, u->folders, (size_t)(u->end - u->folders));
    while ((text = string_read(&r)).len > 0) {
    }
    for (uint32_t i = 1; r.err == WB_OK && (text = string_read(&r)).len > 0; i++) {
        folder = wasm_read_u32(&r);
        (void)wasm_read_s64(&r);
        (void)wasm_read_s64(&r);
        if (i == file) {
            line->file = text;
            break;
        }
    }
    wb_reader_init(&r, u->folders, (size_t)(u->end - u->folders));
    for (uint32_t i = 1; folder > 0 && (text = string_read(&r)).len > 0; i++) {
        if (i == folder) {
            line->folder = text;
            return;
        }
    }
}

bool wasm_line_find(const struct wasm_module *m, uint32_t module_offset, struct wasm_line *line)
{
    struct wb_reader section;
    struct unit u;
    if (m->debug_line.at == NULL || module_offset < m->code_at) {
        return false;
    }
    wb_reader_init(&section, m->debug_line.at, m->debug_line.len);
    while (wb_reader_left(&section) > 0 && unit_read(&section, m, &u)) {
        struct row row;
        if (u.version == 0 || u.version > 5 || !unit_search(&u, module_offset - m->code_at, &row)) {
            continue;
        }
        *line = (struct wasm_line){.line = row.line, .column = row.column};
        if (u.version >= 5) {
            file5_find(&u, row.file, line);
        } else {
            file4_find(&u, row.file, line);
        }
        return row.line != 0; /* 0: the compiler made this code up */
    }
    return false;
}

const char *wasm_line_text(const struct wasm_module *m, uint32_t module_offset, char *buf,
                           size_t cap)
{
    struct wasm_line line;
    buf[0] = '\0';
    if (!wasm_line_find(m, module_offset, &line)) {
        return buf;
    }
    bool is_absolute = line.file.len > 0 && line.file.at[0] == '/';
    bool has_folder = line.folder.len > 0 && !is_absolute;
    snprintf(buf, cap, "%.*s%s%.*s:%u", has_folder ? (int)line.folder.len : 0,
             has_folder ? line.folder.at : "", has_folder ? "/" : "",
             line.file.at != NULL ? (int)line.file.len : 1,
             line.file.at != NULL ? line.file.at : "?", line.line);
    return buf;
}
