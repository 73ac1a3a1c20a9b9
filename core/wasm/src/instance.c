/* SPDX-License-Identifier: AGPL-3.0-only */
/* Instances: laying out the arena, initialisers, calls and their results, traps. Arena, from its
 * start: globals, tables, dropped flags, stack, linear memory. */
#include "run.h"

/* ---- set-up ------------------------------------------------------------------------------- */

struct arena {
    uint8_t *at;
    size_t left;
};

static void *take(struct arena *arena, size_t len)
{
    len = (len + 7) & ~(size_t)7;
    if (len > arena->left) {
        return NULL;
    }
    void *mem = arena->at;
    arena->at += len;
    arena->left -= len;
    return mem;
}

static enum wb_err lacks(struct wb_fault *fault, const char *what)
{
    return wb_fault_set(fault, WB_ERR_MEMORY, what, "give the application more memory", UINT32_MAX,
                        0);
}

static enum wb_err tables_take(struct wb_wasm_instance *inst, struct arena *arena, uint32_t extra,
                               struct wb_fault *fault)
{
    const uint32_t *entry = image_at(&inst->image, header(&inst->image, H_TABLES));
    inst->tables = take(arena, inst->table_count * sizeof *inst->tables);
    if (inst->tables == NULL) {
        return lacks(fault, "arena has no room for tables");
    }
    for (unsigned i = 0; i < inst->table_count; i++, entry += 3) {
        struct wb_wasm_table *table = &inst->tables[i];
        uint32_t room = entry[2] - entry[1] < extra ? entry[2] - entry[1] : extra;
        room = entry[1] > UINT32_MAX - room ? 0 : room;
        table->len = entry[1];
        table->cap = entry[1] + room;
        table->elems =
            (uint64_t)table->cap * 4 > arena->left ? NULL : take(arena, (size_t)table->cap * 4);
        if (table->elems == NULL) {
            return lacks(fault, "arena has no room for tables");
        }
        memset(table->elems, 0, (size_t)table->cap * 4);
    }
    return WB_OK;
}

static enum wb_err memory_take(struct wb_wasm_instance *inst, struct arena *arena, uint32_t wanted,
                               struct wb_fault *fault)
{
    uint32_t version = header(&inst->image, H_VERSION);
    inst->page_log2 = (uint8_t)(version >> 16);
    inst->has_memory = version >> 24 != 0;
    if (!inst->has_memory) {
        return WB_OK;
    }
    uint64_t page_limit = ((uint64_t)1 << 32) >> inst->page_log2;
    uint64_t declared = (uint64_t)header(&inst->image, H_MEMORY_MIN) << inst->page_log2;
    uint64_t cap = arena->left < UINT32_MAX ? arena->left : UINT32_MAX;
    inst->pages = header(&inst->image, H_MEMORY_MIN);
    inst->pages_max = header(&inst->image, H_MEMORY_MAX);
    if (inst->pages_max > page_limit - (inst->page_log2 == 0 ? 1 : 0)) {
        inst->pages_max = (uint32_t)(page_limit - (inst->page_log2 == 0 ? 1 : 0));
    }
    if (cap < (wanted != 0 ? wanted : declared)) {
        return lacks(fault, "arena has no room for linear memory");
    }
    inst->memory_cap = wanted != 0 ? wanted : (uint32_t)cap;
    inst->memory_len = declared < inst->memory_cap ? (uint32_t)declared : inst->memory_cap;
    inst->memory = arena->at;
    memset(inst->memory, 0, inst->memory_len);
    return WB_OK;
}

/* Evaluates a constant expression (at most 8 values deep) and returns what follows it. */
static const uint32_t *evaluate(const struct wb_wasm_instance *inst, const uint32_t *at,
                                uint64_t *result)
{
    uint64_t stack[9];
    unsigned count = 0;
    for (;;) {
        uint32_t word = *at++;
        uint32_t index = word >> 8;
        uint64_t b = count > 0 ? stack[count - 1] : 0;
        uint64_t a = count > 1 ? stack[count - 2] : 0;
        switch (word & 0xff) {
        case 0x0b: *result = b; return at;
        case 0x41:
        case 0x43: stack[count++] = *at++; break;
        case 0x42:
        case 0x44:
            stack[count++] = slots_get64(at);
            at += 2;
            break;
        case 0x23: {
            uint32_t entry = image_at(&inst->image, header(&inst->image, H_GLOBALS))[index];
            const uint32_t *slot = inst->globals + (entry >> 16);
            stack[count++] = type_slots(entry & 0xff) == 2 ? slots_get64(slot) : *slot;
            break;
        }
        case 0xd2: stack[count++] = index + 1; break;
        case 0xd0: stack[count++] = 0; break;
        case 0x6a: stack[--count - 1] = (uint32_t)(a + b); break;
        case 0x6b: stack[--count - 1] = (uint32_t)(a - b); break;
        case 0x6c: stack[--count - 1] = (uint32_t)(a * b); break;
        case 0x7c: stack[--count - 1] = a + b; break;
        case 0x7d: stack[--count - 1] = a - b; break;
        default: stack[--count - 1] = a * b; break;
        }
    }
}

static void global_put(struct wb_wasm_instance *inst, uint32_t entry, uint64_t value)
{
    uint32_t *slot = inst->globals + (entry >> 16);
    *slot = (uint32_t)value;
    if (type_slots(entry & 0xff) == 2) {
        slot[1] = (uint32_t)(value >> 32);
    }
}

static enum wb_err imports_bind(struct wb_wasm_instance *inst,
                                const struct wb_wasm_instance_cfg *cfg, struct wb_fault *fault)
{
    struct wb_wasm_entry entry;
    uint32_t global = 0;
    const uint32_t *globals = image_at(&inst->image, header(&inst->image, H_GLOBALS));
    for (uint32_t cursor = 0; wb_wasm_import_next(&inst->image, &cursor, &entry);) {
        bool is_func = entry.kind == WB_WASM_FUNC;
        bool is_global = entry.kind == WB_WASM_GLOBAL;
        bool unknown = entry.index == UINT16_MAX; /* installed with any_import */
        if (unknown || (is_func && entry.index >= cfg->func_count) ||
            (is_global && entry.index >= cfg->global_count)) {
            return wb_fault_set(fault, WB_ERR_IMPORT, "the host lacks an import of the image",
                                "install the module again", UINT32_MAX, 0);
        }
        if (is_global) {
            global_put(inst, globals[global++], cfg->globals[entry.index]);
        }
    }
    return WB_OK;
}

static enum wb_wasm_trap_kind segments_init(struct wb_wasm_instance *inst)
{
    const uint32_t *at = image_at(&inst->image, header(&inst->image, H_ELEMS));
    uint32_t elems = header(&inst->image, H_ELEM_COUNT) & 0xffff;
    enum wb_wasm_trap_kind trap;
    uint64_t offset;
    for (uint32_t i = 0; i < elems; i++) {
        uint32_t mode = *at++;
        if ((mode & 0xff) == 0) {
            at = evaluate(inst, at, &offset);
            trap = wb_wasm_table_init(inst, mode >> 16, i, (uint32_t)offset, 0, at[1]);
            if (trap != WB_WASM_TRAP_NONE) {
                return trap;
            }
        }
        if ((mode & 0xff) != 1) {
            inst->dropped[i / 32] |= 1u << i % 32;
        }
        at += 2 + at[1];
    }
    at = image_at(&inst->image, header(&inst->image, H_DATAS));
    for (uint32_t i = 0; i < header(&inst->image, H_DATA_COUNT); i++) {
        if (*at++ == 0) {
            at = evaluate(inst, at, &offset);
            trap = wb_wasm_memory_init(inst, i, (uint32_t)offset, 0, *at);
            if (trap != WB_WASM_TRAP_NONE) {
                return trap;
            }
            inst->dropped[(elems + i) / 32] |= 1u << (elems + i) % 32;
        }
        at += 1 + (*at + 3) / 4;
    }
    return WB_WASM_TRAP_NONE;
}

enum wb_err wb_wasm_instance_init(struct wb_wasm_instance *inst, const struct wb_wasm_image *image,
                                  void *arena, size_t arena_len,
                                  const struct wb_wasm_instance_cfg *cfg, struct wb_fault *fault)
{
    struct arena room = {arena, arena_len & ~(size_t)7};
    memset(inst, 0, sizeof *inst);
    inst->image = *image;
    inst->funcs = cfg->funcs;
    inst->func_count = (uint16_t)(header(image, H_TYPES_FUNCS) >> 16);
    inst->table_count = (uint16_t)header(image, H_TABLES_GLOBALS);
    inst->call_func = UINT32_MAX;

    size_t global_len = (header(image, H_GLOBAL_SLOTS) & 0xffff) * 4u;
    size_t flags = (header(image, H_ELEM_COUNT) & 0xffff) + header(image, H_DATA_COUNT);
    size_t stack_len = (cfg->stack_bytes != 0 ? cfg->stack_bytes : 1024u) & ~(size_t)7;
    inst->globals = take(&room, global_len);
    if (inst->globals == NULL) {
        return lacks(fault, "arena has no room for globals");
    }
    memset(inst->globals, 0, global_len);
    WB_TRY(tables_take(inst, &room, cfg->table_extra, fault));
    inst->dropped = take(&room, (flags + 31) / 32 * 4);
    inst->stack = stack_len < 32 ? NULL : take(&room, stack_len);
    if (inst->dropped == NULL || inst->stack == NULL) {
        return lacks(fault, "arena has no room for the stack");
    }
    memset(inst->dropped, 0, (flags + 31) / 32 * 4);
    inst->stack_end = inst->stack + stack_len / 4;
    inst->fp = inst->stack;
    inst->csp = inst->stack_end;
    inst->pc = image->base;
    WB_TRY(memory_take(inst, &room, cfg->memory_bytes, fault));
    WB_TRY(imports_bind(inst, cfg, fault));

    const uint32_t *globals = image_at(image, header(image, H_GLOBALS));
    const uint32_t *expr = image_at(image, header(image, H_GLOBAL_EXPRS));
    uint32_t global_count = header(image, H_TABLES_GLOBALS) >> 16;
    for (uint32_t i = header(image, H_GLOBAL_SLOTS) >> 16; i < global_count; i++) {
        uint64_t value;
        expr = evaluate(inst, expr, &value);
        global_put(inst, globals[i], value);
    }
    enum wb_wasm_trap_kind trap = segments_init(inst);
    if (trap != WB_WASM_TRAP_NONE) {
        inst->trap = (uint8_t)trap;
        inst->status = WB_WASM_TRAP;
        return wb_fault_set(fault, WB_ERR_TRAP, wb_wasm_trap_str(trap),
                            "a data or element segment does not fit", UINT32_MAX, 0);
    }
    uint32_t start = header(image, H_START);
    return start == UINT32_MAX ? WB_OK : wb_wasm_call(inst, start, NULL, 0);
}

/* ---- calls -------------------------------------------------------------------------------- */

void wb_wasm_values_unpack(const uint8_t *types, unsigned count, const uint32_t *slots,
                           uint64_t *values)
{
    for (unsigned i = 0; i < count; i++) {
        bool wide = type_slots(types[i]) == 2;
        values[i] = wide ? slots_get64(slots) : *slots;
        slots += wide ? 2 : 1;
    }
}

void wb_wasm_values_pack(const uint8_t *types, unsigned count, const uint64_t *values,
                         uint32_t *slots)
{
    for (unsigned i = 0; i < count; i++) {
        *slots++ = (uint32_t)values[i];
        if (type_slots(types[i]) == 2) {
            *slots++ = (uint32_t)(values[i] >> 32);
        }
    }
}

static void trap_now(struct wb_wasm_instance *inst, enum wb_wasm_trap_kind kind)
{
    inst->trap = (uint8_t)kind;
    inst->status = WB_WASM_TRAP;
}

enum wb_err wb_wasm_call(struct wb_wasm_instance *inst, uint32_t func, const uint64_t *args,
                         size_t arg_count)
{
    struct func_type type;
    if (func >= inst->func_count) {
        return WB_ERR_NOT_FOUND;
    }
    const uint32_t *entry = func_entry(&inst->image, func);
    wb_wasm_func_type_get(&inst->image, entry[0] & 0xffff, &type);
    if (arg_count != type.params) {
        return WB_ERR_VALUE;
    }
    bool imported = func < header(&inst->image, H_ELEM_COUNT) >> 16;
    const uint32_t *code = image_at(&inst->image, imported ? 0 : entry[1]);
    uint32_t frame = imported ? 2 * WB_WASM_HOST_SLOTS : code[0] & 0xffff;
    size_t need = (type.param_slots > frame ? type.param_slots : frame) + 4u;
    inst->call_func = func;
    inst->fp = inst->stack;
    inst->csp = inst->stack_end;
    inst->trap = WB_WASM_TRAP_NONE;
    inst->far_fp = NULL;
    if ((size_t)(inst->stack_end - inst->stack) < need) {
        inst->pc = code;
        trap_now(inst, WB_WASM_TRAP_STACK);
        return type.params == 0 ? WB_OK : WB_ERR_MEMORY;
    }
    wb_wasm_values_pack(type.items, type.params, args, inst->stack);
    inst->csp -= 2;
    inst->csp[0] = 0;
    inst->csp[1] = 0;
    if (imported) {
        inst->far_slots[0] = op_word_s(OP_CALL_HOST, 0);
        inst->far_slots[1] = func;
        inst->far_slots[2] = entry[0] & 0xffff;
        inst->far_slots[3] = op_word_s(OP_RET, 0);
        inst->pc = inst->far_slots;
    } else {
        memset(inst->stack + (code[1] & 0xffff), 0, (size_t)(code[0] >> 16) * 4);
        inst->pc = code + FUNC_HEADER_WORDS;
    }
    inst->status = WB_WASM_READY;
    return WB_OK;
}

enum wb_wasm_status wb_wasm_run(struct wb_wasm_instance *inst, uint32_t fuel)
{
    if (inst->status != WB_WASM_READY && inst->status != WB_WASM_OUT_OF_FUEL) {
        return (enum wb_wasm_status)inst->status;
    }
    inst->status = (uint8_t)wb_wasm_interpret(inst, fuel < 1u << 27 ? fuel : 1u << 27);
    return (enum wb_wasm_status)inst->status;
}

enum wb_err wb_wasm_resume(struct wb_wasm_instance *inst, const uint64_t *results)
{
    struct func_type type;
    if (inst->status != WB_WASM_SUSPENDED) {
        return WB_ERR_STATE;
    }
    /* Behind the call: [op | base << 16] [function] [type] */
    wb_wasm_func_type_get(&inst->image, inst->pc[-1], &type);
    wb_wasm_values_pack(type.items + type.params, type.results, results,
                        inst->fp + (inst->pc[-3] >> 16));
    inst->status = WB_WASM_READY;
    return WB_OK;
}

enum wb_err wb_wasm_resume_trap(struct wb_wasm_instance *inst, enum wb_wasm_trap_kind kind)
{
    if (inst->status != WB_WASM_SUSPENDED) {
        return WB_ERR_STATE;
    }
    inst->pc -= 3;
    trap_now(inst, kind);
    return WB_OK;
}

size_t wb_wasm_results(const struct wb_wasm_instance *inst, uint64_t *results, size_t cap)
{
    struct func_type type;
    if (inst->status != WB_WASM_DONE || inst->call_func >= inst->func_count) {
        return 0;
    }
    wb_wasm_func_type_get(&inst->image, func_entry(&inst->image, inst->call_func)[0] & 0xffff,
                          &type);
    size_t count = type.results < cap ? type.results : cap;
    wb_wasm_values_unpack(type.items + type.params, (unsigned)count, inst->stack, results);
    return type.results;
}

/* ---- queries ------------------------------------------------------------------------------ */

enum wb_wasm_status wb_wasm_status(const struct wb_wasm_instance *inst)
{
    return (enum wb_wasm_status)inst->status;
}

uint64_t wb_wasm_fuel_used(const struct wb_wasm_instance *inst)
{
    return inst->fuel_used;
}

uint8_t *wb_wasm_memory(struct wb_wasm_instance *inst, uint32_t addr, uint32_t len)
{
    if ((uint64_t)addr + len > inst->memory_len) {
        return NULL;
    }
    return inst->memory + addr;
}

uint64_t wb_wasm_memory_declared(const struct wb_wasm_instance *inst)
{
    return (uint64_t)inst->pages << inst->page_log2;
}

uint32_t wb_wasm_memory_backed(const struct wb_wasm_instance *inst)
{
    return inst->memory_len;
}

enum wb_err wb_wasm_global_get(const struct wb_wasm_instance *inst, uint32_t index, uint64_t *value)
{
    if (index >= header(&inst->image, H_TABLES_GLOBALS) >> 16) {
        return WB_ERR_NOT_FOUND;
    }
    uint32_t entry = image_at(&inst->image, header(&inst->image, H_GLOBALS))[index];
    const uint32_t *slot = inst->globals + (entry >> 16);
    *value = type_slots(entry & 0xff) == 2 ? slots_get64(slot) : *slot;
    return WB_OK;
}

/* ---- traps -------------------------------------------------------------------------------- */

const char *wb_wasm_trap_str(enum wb_wasm_trap_kind kind)
{
    static const char *const texts[] = {
#define TEXT(code, text) text,
        WB_WASM_TRAP_LIST(TEXT)
#undef TEXT
    };
    return (unsigned)kind < WB_ARRAY_LEN(texts) ? texts[kind] : "unknown trap";
}

/* The function whose code holds an image offset: the last that begins at or before it. */
static uint32_t func_at(const struct wb_wasm_image *image, uint32_t offset)
{
    uint32_t low = header(image, H_ELEM_COUNT) >> 16;
    uint32_t high = header(image, H_TYPES_FUNCS) >> 16;
    if (low == high || func_entry(image, low)[1] > offset) {
        return UINT32_MAX;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (func_entry(image, middle)[1] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t leb_read(const uint8_t **at)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return value;
}

/* Where code at an image offset comes from: the newest map that begins at or before it, and its
 * last such entry. */
static void locate(const struct wb_wasm_image *image, uint32_t offset, uint32_t *func,
                   uint32_t *module_offset)
{
    *func = func_at(image, offset);
    *module_offset = 0;
    if (*func == UINT32_MAX) {
        return;
    }
    const uint32_t *code = image_at(image, func_entry(image, *func)[1]);
    uint32_t word = (uint32_t)(image_at(image, offset) - code);
    uint32_t back = code[1] >> 16;
    const uint32_t *map = code + back;
    *module_offset = code[2];
    for (; back != 0 && back != 0xffff && map[1] > word; map -= back) {
        back = map[0] >> 16;
    }
    if (back == 0 || back == 0xffff) {
        return;
    }
    uint32_t at = map[1];
    uint32_t module = map[2];
    const uint8_t *p = (const uint8_t *)(map + 3);
    const uint8_t *end = p + (map[0] & 0xffff);
    while (p < end) {
        uint8_t byte = *p++;
        uint32_t words = byte == MAP_LONG ? leb_read(&p) : byte & 15u;
        uint32_t bytes = byte == MAP_LONG ? leb_read(&p) : byte >> 4;
        if (at + words > word) {
            break;
        }
        at += words;
        module += bytes;
    }
    *module_offset += module;
}

static bool in_image(const struct wb_wasm_instance *inst, const uint32_t *pc)
{
    return pc >= inst->image.base && pc < inst->image.base + inst->image.len / 4;
}

void wb_wasm_trap_get(const struct wb_wasm_instance *inst, struct wb_wasm_trap *trap)
{
    memset(trap, 0, sizeof *trap);
    trap->kind = (enum wb_wasm_trap_kind)inst->trap;
    trap->func = inst->call_func;
    trap->address = inst->trap_address;
    trap->backed = inst->memory_len;
    trap->declared = wb_wasm_memory_declared(inst);
    if (in_image(inst, inst->pc)) {
        trap->image_offset =
            (uint32_t)((const uint8_t *)inst->pc - (const uint8_t *)inst->image.base);
        locate(&inst->image, trap->image_offset, &trap->func, &trap->offset);
    }
}

bool wb_wasm_backtrace(const struct wb_wasm_instance *inst, uint32_t depth, uint32_t *func,
                       uint32_t *module_offset)
{
    if (depth == 0) {
        if (!in_image(inst, inst->pc)) {
            *func = inst->call_func;
            *module_offset = 0;
            return inst->call_func != UINT32_MAX;
        }
        uint32_t here = (uint32_t)((const uint8_t *)inst->pc - (const uint8_t *)inst->image.base);
        locate(&inst->image, here, func, module_offset);
        return *func != UINT32_MAX;
    }
    const uint32_t *record = inst->csp + (size_t)(depth - 1) * 2;
    if (depth - 1 >= (size_t)(inst->stack_end - inst->csp) / 2 || record[0] == 0) {
        return false;
    }
    locate(&inst->image, record[0] - 4, func, module_offset);
    return true;
}
