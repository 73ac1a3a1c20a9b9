/* SPDX-License-Identifier: AGPL-3.0-only */
/* `wasmbed wasm spec`: the specification's test scripts as wast2json writes them. Each module is
 * installed in small chunks, as from a network. A function that a registered module exports is
 * linked through a host function that suspends while the other module runs. What needs another
 * module's memory, table or global is skipped and counted, and so is what asks either module
 * afterwards. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "commands.h"
#include "wasm_vm.h"

#define ARENA_LEN   ((size_t)256 << 20)
#define OFFERS_MAX  1024u
#define RESULTS_MAX 64u
#define ARGS_MAX    64u
#define ROUNDS_MAX  4000u /* slices of a million words until a test "did not end" */

struct unit;

/* An exported function of another module. */
struct link {
    struct unit *unit;
    uint32_t func;
    size_t arg_count;
    char module[32], name[32], signature[40];
    uint64_t args[WB_WASM_HOST_SLOTS];
    struct link **called; /* of the runner */
};

/* A module of the script. */
struct unit {
    struct unit *next;
    char *name;
    bool is_usable;
    bool is_incomplete; /* another module that shares its state could not be made */
    struct wasm_module module;
    struct wasm_image bytes;
    struct wb_wasm_instance inst;
    void *arena;
    struct link *links;
    struct wb_wasm_host_func *funcs;
};

struct runner {
    unsigned passed, failed, skipped;
    bool is_verbose;
    const char *file;
    char folder[1024];
    struct unit *units; /* newest first */
    struct unit *current;
    struct {
        char name[64];
        struct unit *unit; /* NULL: it could not be made */
    } registered[64];
    unsigned registered_count;
    bool is_incomplete;  /* the action called a module that is left without its partner */
    struct link *called; /* by the host function that suspended last */
    unsigned chunk;
};

enum outcome { RETURNED, TRAPPED, SKIPPED, BROKEN };

/* ---- what modules can import ---------------------------------------------------------------- */

static enum wb_wasm_host spectest_print(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    (void)slots;
    return WB_WASM_HOST_DONE;
}

static const uint64_t spectest_globals[] = {666, 666, 0x4426a666, 0x4084d4cccccccccd};
static const struct wb_wasm_import spectest[] = {
    {"spectest", "print", ">", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_i32", "i>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_i64", "I>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_f32", "f>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_f64", "F>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_i32_f32", "if>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "print_f64_f64", "FF>", 0, WB_WASM_FUNC, 0, 0},
    {"spectest", "global_i32", "i", 0, WB_WASM_GLOBAL, 0, 0},
    {"spectest", "global_i64", "I", 1, WB_WASM_GLOBAL, 0, 0},
    {"spectest", "global_f32", "f", 2, WB_WASM_GLOBAL, 0, 0},
    {"spectest", "global_f64", "F", 3, WB_WASM_GLOBAL, 0, 0},
    {"spectest", "table", "p", 0, WB_WASM_TABLE, 10, 20},
    {"spectest", "memory", "", 0, WB_WASM_MEMORY, 1, 2},
};

static enum wb_wasm_host linked(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    struct link *link = ctx;
    (void)inst;
    memcpy(link->args, slots, link->arg_count * sizeof *slots);
    *link->called = link;
    return WB_WASM_HOST_SUSPEND;
}

/* What a new module is offered; its links belong to it. */
struct offers {
    struct wb_wasm_import imports[OFFERS_MAX];
    unsigned import_count, func_count;
};

static bool link_make(struct runner *r, struct link *link, unsigned registered,
                      const struct wb_wasm_entry *entry)
{
    struct unit *other = r->registered[registered].unit;
    size_t module_len = strlen(r->registered[registered].name);
    if (entry->kind != WB_WASM_FUNC || entry->name_len >= sizeof link->name ||
        module_len >= sizeof link->module) {
        return false;
    }
    memset(link, 0, sizeof *link);
    memcpy(link->module, r->registered[registered].name, module_len);
    memcpy(link->name, entry->name, entry->name_len);
    link->unit = other;
    link->func = entry->index;
    link->called = &r->called;
    if (wb_wasm_func_signature(&other->inst.image, entry->index, link->signature,
                               sizeof link->signature) != WB_OK) {
        return false;
    }
    link->arg_count = (size_t)(strchr(link->signature, '>') - link->signature);
    return link->arg_count <= WB_WASM_HOST_SLOTS &&
           strlen(link->signature) - link->arg_count - 1 <= WB_WASM_HOST_SLOTS;
}

static void offers_collect(struct runner *r, struct unit *unit, struct offers *o)
{
    memcpy(o->imports, spectest, sizeof spectest);
    o->import_count = WB_ARRAY_LEN(spectest);
    o->func_count = 1;
    unit->funcs[0] = (struct wb_wasm_host_func){spectest_print, NULL};
    for (unsigned i = 0; i < r->registered_count; i++) {
        struct unit *other = r->registered[i].unit;
        struct wb_wasm_entry entry;
        for (uint32_t cursor = 0;
             other != NULL && wb_wasm_export_next(&other->inst.image, &cursor, &entry);) {
            struct link *link = &unit->links[o->func_count];
            if (o->import_count == OFFERS_MAX || !link_make(r, link, i, &entry)) {
                continue;
            }
            o->imports[o->import_count++] =
                (struct wb_wasm_import){.module = link->module,
                                        .name = link->name,
                                        .signature = link->signature,
                                        .index = (uint16_t)o->func_count,
                                        .kind = WB_WASM_FUNC};
            unit->funcs[o->func_count++] = (struct wb_wasm_host_func){linked, link};
        }
    }
}

/* ---- report ------------------------------------------------------------------------------- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void fail(struct runner *r, const json_t *command, const char *what, const char *more)
{
    r->failed++;
    printf("FAIL %s:%d %s: %s%s%s\n", r->file,
           (int)json_integer_value(json_object_get(command, "line")), text_at(command, "type"),
           what != NULL ? what : "?", more != NULL ? " " : "", more != NULL ? more : "");
}

static void skip(struct runner *r, const json_t *command, const char *why)
{
    r->skipped++;
    if (r->is_verbose) {
        printf("SKIP %s:%d %s: %s\n", r->file,
               (int)json_integer_value(json_object_get(command, "line")), text_at(command, "type"),
               why);
    }
}

/* ---- modules ------------------------------------------------------------------------------ */

static struct unit *unit_new(void)
{
    struct unit *unit = calloc(1, sizeof *unit);
    if (unit != NULL) {
        unit->links = calloc(OFFERS_MAX + 1, sizeof *unit->links);
        unit->funcs = calloc(OFFERS_MAX + 1, sizeof *unit->funcs);
    }
    if (unit == NULL || unit->links == NULL || unit->funcs == NULL) {
        fprintf(stderr, "wasmbed: out of memory\n");
        exit(EXIT_FAILED);
    }
    return unit;
}

static void unit_free(struct unit *unit)
{
    wasm_module_free(&unit->module);
    wasm_image_free(&unit->bytes);
    if (unit->arena != NULL) {
        munmap(unit->arena, ARENA_LEN);
    }
    free(unit->links);
    free(unit->funcs);
    free(unit->name);
    free(unit);
}

/* A file beside the script. Bytes that are no module at all are given to the installer, too. */
static bool bytes_load(struct runner *r, const json_t *command, struct wasm_module *m)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", r->folder, text_at(command, "filename"));
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint8_t *bytes = malloc(WASM_FILE_MAX / 16);
    size_t len = bytes != NULL ? fread(bytes, 1, WASM_FILE_MAX / 16, file) : 0;
    fclose(file);
    if (bytes != NULL && !wasm_module_parse(m, bytes, len)) {
        m->bytes = bytes;
        m->len = len;
    }
    return bytes != NULL;
}

static enum wb_err install(struct runner *r, struct unit *unit, const json_t *command,
                           bool any_import, struct wb_wasm_install *x, unsigned *func_count)
{
    struct offers *offers = malloc(sizeof *offers);
    enum wb_err err = offers != NULL ? WB_OK : WB_ERR_MEMORY;
    memset(x, 0, sizeof *x);
    if (err == WB_OK && !bytes_load(r, command, &unit->module)) {
        err = WB_ERR_IO;
    }
    if (err == WB_OK) {
        offers_collect(r, unit, offers);
        *func_count = offers->func_count;
        const struct wasm_install_options options = {.imports = offers->imports,
                                                     .import_count = (uint16_t)offers->import_count,
                                                     .any_import = any_import,
                                                     .chunk = r->chunk++ % 7,
                                                     .is_quiet = true,
                                                     .state = x};
        err = wasm_image_install(&unit->bytes, &unit->module, r->file, &options);
    }
    free(offers);
    return err;
}

/* A registered module lacks what is asked for: it is left without its partner. */
static bool is_foreign(struct runner *r, const char *module)
{
    for (unsigned i = r->registered_count; i > 0; i--) {
        if (strcmp(r->registered[i - 1].name, module) == 0) {
            if (r->registered[i - 1].unit != NULL) {
                r->registered[i - 1].unit->is_incomplete = true;
            }
            return true;
        }
    }
    return false;
}

static enum wb_wasm_status finish(struct runner *r, struct wb_wasm_instance *inst)
{
    for (unsigned rounds = 0;; rounds++) {
        /* Little fuel first: interrupts a lot. */
        enum wb_wasm_status status = wb_wasm_run(inst, rounds < 100 ? 100 : 1000000);
        if (status == WB_WASM_OUT_OF_FUEL && rounds < ROUNDS_MAX) {
            continue;
        }
        if (status != WB_WASM_SUSPENDED) {
            return status;
        }
        struct link *link = r->called;
        struct wb_wasm_instance *other = &link->unit->inst;
        uint64_t results[RESULTS_MAX];
        r->is_incomplete = r->is_incomplete || link->unit->is_incomplete;
        if (wb_wasm_call(other, link->func, link->args, link->arg_count) != WB_OK) {
            return status;
        }
        enum wb_err err;
        if (finish(r, other) == WB_WASM_DONE) {
            (void)wb_wasm_results(other, results, RESULTS_MAX);
            err = wb_wasm_resume(inst, results);
        } else {
            struct wb_wasm_trap trap;
            wb_wasm_trap_get(other, &trap);
            err = wb_wasm_resume_trap(inst, trap.kind);
        }
        if (err != WB_OK) {
            return status;
        }
    }
}

/* Makes an instance; *trap is the reason when that traps. */
static enum wb_err instantiate(struct runner *r, struct unit *unit, unsigned func_count,
                               const char **trap)
{
    struct wb_wasm_image image;
    struct wb_fault fault = {0};
    const struct wb_wasm_instance_cfg cfg = {.stack_bytes = 256 * 1024,
                                             .table_extra = 2000,
                                             .funcs = unit->funcs,
                                             .func_count = (uint16_t)func_count,
                                             .globals = spectest_globals,
                                             .global_count = WB_ARRAY_LEN(spectest_globals)};
    enum wb_err err = wb_wasm_image_open(&image, unit->bytes.words, unit->bytes.len);
    if (err != WB_OK) {
        return err;
    }
    unit->arena = mmap(NULL, ARENA_LEN, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (unit->arena == MAP_FAILED) {
        unit->arena = NULL;
        return WB_ERR_MEMORY;
    }
    err = wb_wasm_instance_init(&unit->inst, &image, unit->arena, ARENA_LEN, &cfg, &fault);
    *trap = fault.what;
    if (err == WB_OK && wb_wasm_status(&unit->inst) == WB_WASM_READY &&
        finish(r, &unit->inst) != WB_WASM_DONE) {
        struct wb_wasm_trap info;
        wb_wasm_trap_get(&unit->inst, &info);
        *trap = wb_wasm_trap_str(info.kind);
        return WB_ERR_TRAP;
    }
    return err;
}

static void run_module(struct runner *r, const json_t *command)
{
    struct unit *unit = unit_new();
    struct wb_wasm_install x;
    unsigned func_count = 0;
    const char *trap = NULL;
    const char *name = json_string_value(json_object_get(command, "name"));
    unit->name = name != NULL ? strdup(name) : NULL;
    unit->next = r->units;
    r->units = unit;
    r->current = unit;
    enum wb_err err = install(r, unit, command, false, &x, &func_count);
    if (err == WB_ERR_IMPORT && x.fault.what != NULL &&
        strcmp(x.fault.what, "unknown import") == 0 && is_foreign(r, x.import_module)) {
        skip(r, command, "needs another module's memory, table or global");
        return;
    }
    if (err == WB_OK) {
        err = instantiate(r, unit, func_count, &trap);
    }
    if (err != WB_OK) {
        fail(r, command, wb_err_str(err), x.fault.what != NULL ? x.fault.what : trap);
        return;
    }
    unit->is_usable = true;
    r->passed++;
}

static struct unit *unit_find(struct runner *r, const char *name)
{
    struct unit *unit = name == NULL ? r->current : r->units;
    while (name != NULL && unit != NULL && (unit->name == NULL || strcmp(unit->name, name) != 0)) {
        unit = unit->next;
    }
    return unit;
}

/* ---- actions ------------------------------------------------------------------------------ */

static uint64_t value_read(const json_t *value)
{
    const char *text = text_at(value, "value");
    if (strcmp(text, "null") == 0) {
        return 0;
    }
    uint64_t number = strtoull(text, NULL, 10);
    return strcmp(text_at(value, "type"), "externref") == 0 ? number + 1 : number;
}

static bool value_matches(const json_t *expected, uint64_t value)
{
    const char *text = text_at(expected, "value");
    bool is_f32 = strcmp(text_at(expected, "type"), "f32") == 0;
    uint64_t quiet = is_f32 ? 0x7fc00000 : 0x7ff8000000000000;
    uint64_t sign = is_f32 ? 0x80000000 : (uint64_t)1 << 63;
    if (strcmp(text, "nan:canonical") == 0) {
        return (value & ~sign) == quiet;
    }
    if (strcmp(text, "nan:arithmetic") == 0) {
        return (value & quiet) == quiet;
    }
    return value == value_read(expected);
}

/* As wb_wasm_export_find(), for names that may contain zeros. */
static bool export_find(const struct unit *unit, enum wb_wasm_extern kind, const json_t *name,
                        uint32_t *index)
{
    struct wb_wasm_entry entry;
    for (uint32_t cursor = 0; wb_wasm_export_next(&unit->inst.image, &cursor, &entry);) {
        if (entry.kind == kind && entry.name_len == json_string_length(name) &&
            memcmp(entry.name, json_string_value(name), entry.name_len) == 0) {
            *index = entry.index;
            return true;
        }
    }
    return false;
}

static enum outcome act(struct runner *r, const json_t *action, uint64_t *values, size_t *count,
                        const char **text)
{
    struct unit *unit = unit_find(r, json_string_value(json_object_get(action, "module")));
    const json_t *field = json_object_get(action, "field");
    const json_t *list = json_object_get(action, "args");
    uint64_t args[ARGS_MAX];
    uint32_t index;
    if (unit == NULL || !unit->is_usable || unit->is_incomplete) {
        *text = "its module could not be made whole";
        return SKIPPED;
    }
    if (strcmp(text_at(action, "type"), "get") == 0) {
        *count = 1;
        *text = "no such global";
        return export_find(unit, WB_WASM_GLOBAL, field, &index) &&
                       wb_wasm_global_get(&unit->inst, index, values) == WB_OK
                   ? RETURNED
                   : BROKEN;
    }
    if (json_array_size(list) > ARGS_MAX || !export_find(unit, WB_WASM_FUNC, field, &index)) {
        *text = "no such function";
        return BROKEN;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        args[i] = value_read(json_array_get(list, i));
    }
    enum wb_err err = wb_wasm_call(&unit->inst, index, args, json_array_size(list));
    if (err != WB_OK) {
        *text = wb_err_str(err);
        return BROKEN;
    }
    r->is_incomplete = false;
    enum wb_wasm_status status = finish(r, &unit->inst);
    if (r->is_incomplete) {
        *text = "it calls a module that could not be made whole";
        return SKIPPED;
    }
    if (status == WB_WASM_TRAP) {
        struct wb_wasm_trap trap;
        wb_wasm_trap_get(&unit->inst, &trap);
        *text = wb_wasm_trap_str(trap.kind);
        return TRAPPED;
    }
    *text = "did not end";
    *count = wb_wasm_results(&unit->inst, values, RESULTS_MAX);
    return status == WB_WASM_DONE && *count <= RESULTS_MAX ? RETURNED : BROKEN;
}

static void check_results(struct runner *r, const json_t *command, const uint64_t *values,
                          size_t count)
{
    const json_t *expected = json_object_get(command, "expected");
    bool is_same = count == json_array_size(expected);
    for (size_t i = 0; is_same && i < count; i++) {
        is_same = value_matches(json_array_get(expected, i), values[i]);
    }
    if (!is_same) {
        char more[96];
        snprintf(more, sizeof more, "%zu values, the first 0x%" PRIx64, count,
                 count > 0 ? values[0] : 0);
        fail(r, command, "other result:", more);
        return;
    }
    r->passed++;
}

static void run_action(struct runner *r, const json_t *command, const char *type)
{
    uint64_t values[RESULTS_MAX] = {0};
    size_t count = 0;
    const char *text = "";
    const char *want = text_at(command, "text");
    bool is_trap_wanted =
        strcmp(type, "assert_trap") == 0 || strcmp(type, "assert_exhaustion") == 0;
    switch (act(r, json_object_get(command, "action"), values, &count, &text)) {
    case SKIPPED: skip(r, command, text); return;
    case BROKEN: fail(r, command, text, NULL); return;
    case TRAPPED:
        if (!is_trap_wanted) {
            fail(r, command, "trapped:", text);
        } else if (strncmp(want, text, strlen(text)) != 0) {
            fail(r, command, "another trap:", text);
        } else {
            r->passed++;
        }
        return;
    case RETURNED: break;
    }
    if (is_trap_wanted) {
        fail(r, command, "returned; expected", want);
    } else if (strcmp(type, "assert_return") == 0) {
        check_results(r, command, values, count);
    } else {
        r->passed++;
    }
}

/* ---- modules that must be refused --------------------------------------------------------- */

static void run_refused(struct runner *r, const json_t *command, const char *type)
{
    struct wb_wasm_install x;
    unsigned unused;
    const char *module_type = text_at(command, "module_type");
    if (module_type[0] != '\0' && strcmp(module_type, "binary") != 0) {
        skip(r, command, "about the text format");
        return;
    }
    struct unit *unit = unit_new();
    bool is_malformed = strcmp(type, "assert_malformed") == 0;
    enum wb_err err = install(r, unit, command, !is_malformed, &x, &unused);
    if (err == WB_OK) {
        fail(r, command, "accepted:", text_at(command, "text"));
    } else if (err != WB_ERR_FORMAT && err != WB_ERR_VALIDATION &&
               !(is_malformed && (err == WB_ERR_UNSUPPORTED || err == WB_ERR_LIMIT))) {
        /* In one pass some malformed modules look invalid, and the reverse (data count): both are
         * refusals. */
        fail(r, command, x.fault.what != NULL ? x.fault.what : wb_err_str(err),
             text_at(command, "text"));
    } else {
        r->passed++;
    }
    unit_free(unit);
}

/* assert_unlinkable, assert_uninstantiable */
static void run_unusable(struct runner *r, const json_t *command, const char *type)
{
    struct unit *unit = unit_new();
    struct wb_wasm_install x;
    const char *trap = "";
    const char *want = text_at(command, "text");
    unsigned func_count = 0;
    enum wb_err err = install(r, unit, command, false, &x, &func_count);
    bool foreign = err == WB_ERR_IMPORT && is_foreign(r, x.import_module);
    if (strcmp(type, "assert_unlinkable") == 0) {
        if (err == WB_ERR_IMPORT && x.fault.what != NULL && strcmp(x.fault.what, want) == 0) {
            r->passed++;
        } else if (foreign) {
            skip(r, command, "needs another module's memory, table or global");
        } else {
            fail(r, command, want, wb_err_str(err));
        }
    } else if (foreign) {
        skip(r, command, "needs another module's memory, table or global");
    } else {
        err = err == WB_OK ? instantiate(r, unit, func_count, &trap) : err;
        if (err == WB_ERR_TRAP && trap != NULL && strcmp(trap, want) == 0) {
            r->passed++;
        } else {
            fail(r, command, want, err == WB_ERR_TRAP ? trap : wb_err_str(err));
        }
    }
    unit_free(unit);
}

static void run_register(struct runner *r, const json_t *command)
{
    struct unit *unit = unit_find(r, json_string_value(json_object_get(command, "name")));
    const char *as = text_at(command, "as");
    if (r->registered_count == WB_ARRAY_LEN(r->registered) ||
        strlen(as) >= sizeof r->registered[0].name) {
        fail(r, command, "too many registered modules, or too long a name:", as);
        return;
    }
    bool is_usable = unit != NULL && unit->is_usable;
    memcpy(r->registered[r->registered_count].name, as, strlen(as) + 1);
    r->registered[r->registered_count++].unit = is_usable ? unit : NULL;
    if (is_usable) {
        r->passed++;
    } else {
        skip(r, command, "the module could not be made whole");
    }
}

/* ---- scripts ------------------------------------------------------------------------------ */

static void run_command(struct runner *r, const json_t *command)
{
    const char *type = text_at(command, "type");
    if (strcmp(type, "module") == 0) {
        run_module(r, command);
    } else if (strcmp(type, "register") == 0) {
        run_register(r, command);
    } else if (strcmp(type, "assert_invalid") == 0 || strcmp(type, "assert_malformed") == 0) {
        run_refused(r, command, type);
    } else if (strcmp(type, "assert_unlinkable") == 0 ||
               strcmp(type, "assert_uninstantiable") == 0) {
        run_unusable(r, command, type);
    } else if (strcmp(type, "action") == 0 || strcmp(type, "assert_return") == 0 ||
               strcmp(type, "assert_trap") == 0 || strcmp(type, "assert_exhaustion") == 0) {
        run_action(r, command, type);
    } else {
        fail(r, command, "unknown command:", type);
    }
}

/* False: the file is no script. */
static bool run_file(struct runner *r, const char *path)
{
    json_error_t error;
    json_t *script = json_load_file(path, JSON_ALLOW_NUL, &error);
    const json_t *commands = json_object_get(script, "commands");
    const char *slash = strrchr(path, '/');
    if (!json_is_array(commands)) {
        fprintf(stderr, "wasmbed: %s is not a script of wast2json: %s\n", path,
                script == NULL ? error.text : "it has no list of commands");
        json_decref(script);
        return false;
    }
    snprintf(r->folder, sizeof r->folder, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    r->file = slash != NULL ? slash + 1 : path;
    size_t i;
    json_t *command;
    json_array_foreach(commands, i, command)
    {
        run_command(r, command);
    }
    while (r->units != NULL) {
        struct unit *next = r->units->next;
        unit_free(r->units);
        r->units = next;
    }
    r->current = NULL;
    r->registered_count = 0;
    json_decref(script);
    return true;
}

int command_wasm_spec(struct args *args)
{
    static struct runner r;
    const struct option options[] = {
        OPTION_FLAG("verbose", 'v', "say what is skipped, and why", &r.is_verbose),
        OPTION_END,
    };
    args->words_until_rest = 1;
    int result = args_parse(args, options, 1, 1);
    if (result != -1) {
        return result;
    }
    bool is_readable = run_file(&r, args->positional[0]);
    for (int i = 0; i < args->rest_count; i++) {
        is_readable = run_file(&r, args->rest[i]) && is_readable;
    }
    printf("%u passed, %u failed, %u skipped\n", r.passed, r.failed, r.skipped);
    return r.failed == 0 && is_readable ? EXIT_OK : EXIT_FAILED;
}
