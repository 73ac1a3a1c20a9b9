/* SPDX-License-Identifier: AGPL-3.0-only */
/* A module's sections and names. One walk over the sections notes where each lies; names come from
 * the exports and imports first, and the name section overrides them. */
#include "wasm_module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCS_MAX 65535u

uint32_t wasm_read_u32(struct wb_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = wb_read_u8(r);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return (uint32_t)value;
        }
    }
    r->err = r->err == WB_OK ? WB_ERR_FORMAT : r->err;
    return 0;
}

int64_t wasm_read_s64(struct wb_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = wb_read_u8(r);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80) {
            bool is_negative = (byte & 0x40) != 0 && shift + 7 < 64;
            return (int64_t)(is_negative ? value | ~(uint64_t)0 << (shift + 7) : value);
        }
    }
    r->err = r->err == WB_OK ? WB_ERR_FORMAT : r->err;
    return 0;
}

struct wasm_text wasm_read_name(struct wb_reader *r)
{
    uint32_t len = wasm_read_u32(r);
    const uint8_t *at = wb_read_bytes(r, len);
    return (struct wasm_text){(const char *)at, at != NULL ? len : 0};
}

static bool text_is(struct wasm_text text, const char *word)
{
    return text.at != NULL && text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static void name_set(struct wasm_module *m, uint32_t func, struct wasm_text name)
{
    if (func < m->func_count && name.len > 0) {
        m->names[func] = name;
    }
}

static void limits_skip(struct wb_reader *r)
{
    uint32_t flags = wasm_read_u32(r);
    (void)wasm_read_u32(r);
    if ((flags & 1) != 0) {
        (void)wasm_read_u32(r);
    }
    if ((flags & 8) != 0) {
        (void)wasm_read_u32(r);
    }
}

/* Walks the imports: counts functions, and names them when there is room for names already. */
static void imports_read(struct wasm_module *m)
{
    struct wb_reader r;
    wb_reader_init(&r, m->imports.at, m->imports.len);
    uint32_t count = wasm_read_u32(&r);
    m->func_imports = 0;
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        (void)wasm_read_name(&r);
        struct wasm_text name = wasm_read_name(&r);
        switch (wb_read_u8(&r)) {
        case 0:
            (void)wasm_read_u32(&r);
            if (m->names != NULL) {
                name_set(m, m->func_imports, name);
            }
            m->func_imports++;
            break;
        case 1:
            (void)wb_read_u8(&r);
            limits_skip(&r);
            break;
        case 2: limits_skip(&r); break;
        case 3: (void)wb_read_bytes(&r, 2); break;
        default: return;
        }
    }
}

static void exports_read(struct wasm_module *m)
{
    struct wb_reader r;
    wb_reader_init(&r, m->exports.at, m->exports.len);
    uint32_t count = wasm_read_u32(&r);
    for (uint32_t i = 0; i < count && r.err == WB_OK; i++) {
        struct wasm_text name = wasm_read_name(&r);
        uint8_t kind = wb_read_u8(&r);
        uint32_t index = wasm_read_u32(&r);
        if (kind == 0 && r.err == WB_OK) {
            name_set(m, index, name);
        }
    }
}

/* Subsections: 1 functions, 7 globals. */
static void names_read(struct wasm_module *m, struct wasm_span span)
{
    struct wb_reader r;
    wb_reader_init(&r, span.at, span.len);
    while (wb_reader_left(&r) > 0 && r.err == WB_OK) {
        uint8_t id = wb_read_u8(&r);
        uint32_t len = wasm_read_u32(&r);
        const uint8_t *at = wb_read_bytes(&r, len);
        if (at == NULL || (id != 1 && id != 7)) {
            continue;
        }
        struct wb_reader map;
        wb_reader_init(&map, at, len);
        uint32_t count = wasm_read_u32(&map);
        for (uint32_t i = 0; i < count && map.err == WB_OK; i++) {
            uint32_t index = wasm_read_u32(&map);
            struct wasm_text name = wasm_read_name(&map);
            if (map.err == WB_OK && id == 1) {
                name_set(m, index, name);
            } else if (map.err == WB_OK && index == 0 && text_is(name, "__stack_pointer")) {
                m->stack_pointer = name;
            }
        }
    }
}

static void section_note(struct wasm_module *m, uint8_t id, struct wasm_span span,
                         struct wasm_span *name_section)
{
    struct wasm_span *const places[] = {
        NULL,        &m->types, &m->imports,  &m->functions, &m->tables, &m->memories,  &m->globals,
        &m->exports, &m->start, &m->elements, &m->code,      &m->data,   &m->data_count};
    if (id != 0) {
        if (id < WB_ARRAY_LEN(places)) {
            *places[id] = span;
        }
        return;
    }
    struct wb_reader r;
    wb_reader_init(&r, span.at, span.len);
    struct wasm_text name = wasm_read_name(&r);
    struct wasm_span rest = {r.at, wb_reader_left(&r)};
    m->custom_len += (uint32_t)span.len;
    if (r.err != WB_OK) {
        return;
    }
    if (text_is(name, "name")) {
        *name_section = rest;
    } else if (text_is(name, ".debug_line")) {
        m->debug_line = rest;
    } else if (text_is(name, ".debug_line_str")) {
        m->debug_line_str = rest;
    } else if (text_is(name, ".debug_str")) {
        m->debug_str = rest;
    }
}

bool wasm_module_parse(struct wasm_module *m, uint8_t *bytes, size_t len)
{
    *m = (struct wasm_module){.bytes = bytes, .len = len};
    struct wb_reader r;
    wb_reader_init(&r, bytes, len);
    const uint8_t *magic = wb_read_bytes(&r, 8);
    if (magic == NULL || memcmp(magic, "\0asm\1\0\0\0", 8) != 0) {
        return false;
    }
    struct wasm_span name_section = {NULL, 0};
    while (wb_reader_left(&r) > 0 && r.err == WB_OK) {
        uint8_t id = wb_read_u8(&r);
        uint32_t section_len = wasm_read_u32(&r);
        const uint8_t *at = wb_read_bytes(&r, section_len);
        if (at != NULL) {
            section_note(m, id, (struct wasm_span){at, section_len}, &name_section);
        }
    }
    m->code_at = m->code.at != NULL ? (uint32_t)(m->code.at - bytes) : 0;
    imports_read(m);
    wb_reader_init(&r, m->functions.at, m->functions.len);
    uint64_t count = (uint64_t)m->func_imports + (m->functions.at != NULL ? wasm_read_u32(&r) : 0);
    m->func_count = count < FUNCS_MAX ? (uint32_t)count : FUNCS_MAX;
    m->names = calloc(m->func_count + 1u, sizeof *m->names);
    if (m->names == NULL) {
        m->func_count = 0;
        return true;
    }
    imports_read(m);
    exports_read(m);
    names_read(m, name_section);
    return true;
}

bool wasm_module_load(struct wasm_module *m, const char *path)
{
    *m = (struct wasm_module){.bytes = NULL};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "wasmbed: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t cap = 64 * 1024;
    size_t len = 0;
    uint8_t *bytes = malloc(cap);
    while (bytes != NULL) {
        len += fread(bytes + len, 1, cap - len, file);
        if (len < cap || cap > WASM_FILE_MAX) {
            break;
        }
        cap *= 2;
        uint8_t *more = realloc(bytes, cap);
        if (more == NULL) {
            free(bytes);
        }
        bytes = more;
    }
    bool is_failed = bytes == NULL || ferror(file) != 0;
    int error = errno;
    fclose(file);
    if (is_failed || len > WASM_FILE_MAX) {
        fprintf(stderr, "wasmbed: cannot read %s: %s\n", path,
                is_failed ? strerror(error) : "larger than 64 MiB");
        free(bytes);
        return false;
    }
    if (!wasm_module_parse(m, bytes, len)) {
        bool is_text = len > 0 && (bytes[0] == '(' || bytes[0] == ';');
        fprintf(stderr, "wasmbed: %s is not a WebAssembly module (version 1)%s\n", path,
                is_text ? "; it looks like text: translate it with wat2wasm" : "");
        wasm_module_free(m);
        return false;
    }
    return true;
}

void wasm_module_free(struct wasm_module *m)
{
    free(m->bytes);
    free(m->names);
    *m = (struct wasm_module){.bytes = NULL};
}

const char *wasm_func_name(const struct wasm_module *m, uint32_t func, char *buf, size_t cap)
{
    if (func >= m->func_count || m->names[func].at == NULL) {
        snprintf(buf, cap, "func[%u]", func);
        return buf;
    }
    size_t len = m->names[func].len < cap - 1 ? m->names[func].len : cap - 1;
    memcpy(buf, m->names[func].at, len);
    buf[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)buf[i] < 0x20 || buf[i] == 0x7f) {
            buf[i] = '?';
        }
    }
    return buf;
}
