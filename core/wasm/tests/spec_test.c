/* SPDX-License-Identifier: AGPL-3.0-only */
/* Runs the specification's test scripts as wast2json writes them: every command of every file below
 * WB_SHARED_DIR/spec-tests, or the files named as arguments. Modules are installed in
 * chunks of changing size into a sink that checks the rules of NOR flash. Functions that a
 * registered module exports are linked through host functions that suspend, constant globals by
 * value. What needs tables, memories or variables of another module is skipped, and counted, and so
 * is what asks the other module afterwards. Ends with "N passed, N failed, N skipped". */
#include <dirent.h>
#include <jansson.h>
#include <libgen.h>
#include <sys/mman.h>

#include "wasm_fixture.h"
#include "wb_test.h"

#define ARENA_LEN (256u << 20)

struct link {
    struct module *module;
    uint32_t func;
    size_t arg_count;
    char signature[40];
    uint64_t args[WB_WASM_HOST_SLOTS];
};

struct module {
    struct wb_wasm_host_func funcs[400];
    struct link links[400];
    bool incomplete; /* another module that shares its state could not be made */
    struct flash flash;
    struct wb_wasm_instance inst;
    void *arena;
    char *name;
    bool usable;
    struct module *next;
};

static struct {
    unsigned passed, failed, skipped;
    const char *file;
    char dir[1024];
    struct module *modules; /* newest first */
    struct module *current;
    struct {
        char name[64];
        struct module *module;
    } registered[32];
    unsigned registered_count;
    struct wb_wasm_import imports[400]; /* the host's, then exports of registered modules */
    struct wb_wasm_host_func funcs[400];
    uint64_t globals[400];
    struct link links[400];
    unsigned import_count, func_count, global_count;
    bool incomplete;     /* the action called a module that is left without its partner */
    struct link *called; /* by the host function that suspended last */
} t;
static char import_names[400][2][64];

/* ---- what the host offers ----------------------------------------------------------------- */

static enum wb_wasm_host print(void *ctx, struct wb_wasm_instance *inst, uint64_t *slots)
{
    (void)ctx;
    (void)inst;
    (void)slots;
    return WB_WASM_HOST_DONE;
}

static const struct wb_wasm_host_func host_funcs[] = {{print, NULL}};
static const uint64_t host_globals[] = {666, 666, 0x4426a666, 0x4084d4cccccccccd};
static const struct wb_wasm_import host_imports[] = {
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
    t.called = link;
    return WB_WASM_HOST_SUSPEND;
}

/* What a module can import: the host's offers, and functions and constants of registered modules.
 */
static void imports_collect(void)
{
    t.import_count = WB_ARRAY_LEN(host_imports);
    t.func_count = WB_ARRAY_LEN(host_funcs);
    t.global_count = WB_ARRAY_LEN(host_globals);
    memcpy(t.imports, host_imports, sizeof host_imports);
    memcpy(t.funcs, host_funcs, sizeof host_funcs);
    memcpy(t.globals, host_globals, sizeof host_globals);
    for (unsigned i = 0; i < t.registered_count; i++) {
        struct module *m = t.registered[i].module;
        struct wb_wasm_entry entry;
        for (uint32_t cursor = 0;
             m != NULL && wb_wasm_export_next(&m->inst.image, &cursor, &entry);) {
            struct wb_wasm_import *import = &t.imports[t.import_count];
            if (t.import_count == WB_ARRAY_LEN(t.imports) || entry.kind != WB_WASM_FUNC) {
                continue;
            }
            if (entry.name_len > 63) {
                continue;
            }
            memset(import_names[t.import_count], 0, sizeof import_names[0]);
            memcpy(import_names[t.import_count][0], t.registered[i].name,
                   sizeof t.registered[i].name);
            memcpy(import_names[t.import_count][1], entry.name, entry.name_len);
            struct link *link = &t.links[t.func_count];
            link->module = m;
            link->func = entry.index;
            if (wb_wasm_func_signature(&m->inst.image, entry.index, link->signature,
                                       sizeof link->signature) != WB_OK) {
                continue;
            }
            link->arg_count = (size_t)(strchr(link->signature, '>') - link->signature);
            if (link->arg_count > WB_WASM_HOST_SLOTS) {
                continue;
            }
            *import = (struct wb_wasm_import){import_names[t.import_count][0],
                                              import_names[t.import_count][1],
                                              link->signature,
                                              (uint16_t)t.func_count,
                                              WB_WASM_FUNC,
                                              0,
                                              0};
            t.funcs[t.func_count++] = (struct wb_wasm_host_func){linked, link};
            t.import_count++;
        }
    }
}

/* ---- report ------------------------------------------------------------------------------- */

static void failed(const json_t *command, const char *what, const char *more)
{
    t.failed++;
    printf("FAIL %s:%d %s: %s %s\n", t.file,
           (int)json_integer_value(json_object_get(command, "line")),
           json_string_value(json_object_get(command, "type")), what, more != NULL ? more : "");
}

static void *file_read(const char *name, size_t *len)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", t.dir, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    void *bytes = malloc(*len + 1);
    *len = fread(bytes, 1, *len, f);
    fclose(f);
    return bytes;
}

/* ---- modules ------------------------------------------------------------------------------ */

static void module_free(struct module *m)
{
    flash_free(&m->flash);
    if (m->arena != NULL) {
        munmap(m->arena, ARENA_LEN);
    }
    free(m->name);
    free(m);
}

/* Installs a command's module. */
static enum wb_err install(const json_t *command, struct flash *flash, struct wb_wasm_install *x)
{
    static unsigned chunk;
    static uint32_t mem[4096];
    size_t len;
    const char *name = json_string_value(json_object_get(command, "filename"));
    void *bytes = file_read(name, &len);
    imports_collect();
    if (bytes == NULL) {
        return WB_ERR_IO;
    }
    enum wb_err err = flash_install(flash, x, t.imports, t.import_count, mem, sizeof mem, bytes,
                                    len, chunk++ % 7);
    free(bytes);
    if (flash->broken != NULL) {
        failed(command, "flash rule broken:", flash->broken);
    }
    return err;
}

/* The module registered under a name that lacks what is asked for is left without its partner. */
static bool is_foreign(const char *module)
{
    for (unsigned i = t.registered_count; i > 0; i--) {
        if (strcmp(t.registered[i - 1].name, module) == 0) {
            if (t.registered[i - 1].module != NULL) {
                t.registered[i - 1].module->incomplete = true;
            }
            return true;
        }
    }
    return false;
}

static enum wb_wasm_status finish(struct wb_wasm_instance *inst)
{
    enum wb_wasm_status status;
    unsigned rounds = 0;
    for (;;) {
        status = wb_wasm_run(
            inst, rounds < 100 ? 100 : 1000000); /* little fuel first: interrupts a lot */
        if (status == WB_WASM_SUSPENDED) {
            struct wb_wasm_instance *other = &t.called->module->inst;
            uint64_t results[WB_WASM_HOST_SLOTS];
            struct wb_wasm_trap trap;
            t.incomplete = t.incomplete || t.called->module->incomplete;
            if (wb_wasm_call(other, t.called->func, t.called->args, t.called->arg_count) != WB_OK) {
                return status;
            }
            if (finish(other) == WB_WASM_DONE) {
                (void)wb_wasm_results(other, results, WB_WASM_HOST_SLOTS);
                (void)!wb_wasm_resume(inst, results);
            } else {
                wb_wasm_trap_get(other, &trap);
                (void)!wb_wasm_resume_trap(inst, trap.kind);
            }
        } else if (status != WB_WASM_OUT_OF_FUEL || ++rounds >= 2000) {
            return status;
        }
    }
}

/* Makes an instance; on failure trap tells which trap it was. */
static enum wb_err instantiate(struct module *m, struct wb_fault *fault, const char **trap)
{
    struct wb_wasm_image image;
    struct wb_wasm_instance_cfg cfg = {.stack_bytes = 256 * 1024,
                                       .table_extra = 2000,
                                       .funcs = m->funcs,
                                       .func_count = (uint16_t)t.func_count,
                                       .globals = host_globals,
                                       .global_count = WB_ARRAY_LEN(host_globals)};
    memcpy(m->funcs, t.funcs, sizeof m->funcs);
    memcpy(m->links, t.links, sizeof m->links);
    for (unsigned i = WB_ARRAY_LEN(host_funcs); i < t.func_count; i++) {
        m->funcs[i].ctx = &m->links[i];
    }
    enum wb_err err = wb_wasm_image_open(&image, m->flash.bytes, m->flash.len);
    if (err != WB_OK) {
        return err;
    }
    m->arena = mmap(NULL, ARENA_LEN, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    err = wb_wasm_instance_init(&m->inst, &image, m->arena, ARENA_LEN, &cfg, fault);
    *trap = fault->what;
    if (err == WB_OK && wb_wasm_status(&m->inst) == WB_WASM_READY &&
        finish(&m->inst) != WB_WASM_DONE) {
        struct wb_wasm_trap info;
        wb_wasm_trap_get(&m->inst, &info);
        *trap = wb_wasm_trap_str(info.kind);
        return WB_ERR_TRAP;
    }
    return err;
}

static void run_module(const json_t *command)
{
    struct module *m = calloc(1, sizeof *m);
    struct wb_wasm_install x;
    struct wb_fault fault = {0};
    const char *trap = NULL;
    const char *name = json_string_value(json_object_get(command, "name"));
    m->name = name != NULL ? strdup(name) : NULL;
    m->next = t.modules;
    t.modules = m;
    t.current = m;
    enum wb_err err = install(command, &m->flash, &x);
    if (err == WB_ERR_IMPORT && strcmp(x.fault.what, "unknown import") == 0 &&
        is_foreign(x.import_module)) {
        t.skipped++;
        return;
    }
    if (err == WB_OK) {
        err = instantiate(m, &fault, &trap);
    }
    if (err != WB_OK) {
        failed(command, wb_err_str(err), x.fault.what != NULL ? x.fault.what : trap);
        return;
    }
    m->usable = true;
    t.passed++;
}

static struct module *module_find(const json_t *action)
{
    const char *name = json_string_value(json_object_get(action, "module"));
    if (name == NULL) {
        return t.current;
    }
    for (struct module *m = t.modules; m != NULL; m = m->next) {
        if (m->name != NULL && strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

/* ---- actions ------------------------------------------------------------------------------ */

static uint64_t value_read(const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const char *text = json_string_value(json_object_get(value, "value"));
    if (strcmp(text, "null") == 0) {
        return 0;
    }
    uint64_t number = strtoull(text, NULL, 10);
    return strcmp(type, "externref") == 0 ? number + 1 : number;
}

static bool value_matches(const json_t *expected, uint64_t value)
{
    const char *type = json_string_value(json_object_get(expected, "type"));
    const char *text = json_string_value(json_object_get(expected, "value"));
    bool is32 = strcmp(type, "f32") == 0;
    if (strncmp(text, "nan:", 4) == 0) {
        uint64_t quiet = is32 ? 0x7fc00000 : 0x7ff8000000000000;
        uint64_t sign = is32 ? 0x80000000 : (uint64_t)1 << 63;
        return strcmp(text, "nan:canonical") == 0 ? (value & ~sign) == quiet
                                                  : (value & quiet) == quiet;
    }
    return value == value_read(expected);
}

enum outcome { RETURNED, TRAPPED, SKIPPED, ERROR };

/* As wb_wasm_export_find(), for names that may contain zeros. */
static bool export_find(const struct module *m, enum wb_wasm_extern kind, const json_t *name,
                        uint32_t *index)
{
    struct wb_wasm_entry entry;
    for (uint32_t cursor = 0; wb_wasm_export_next(&m->inst.image, &cursor, &entry);) {
        if (entry.kind == kind && entry.name_len == json_string_length(name) &&
            memcmp(entry.name, json_string_value(name), entry.name_len) == 0) {
            *index = entry.index;
            return true;
        }
    }
    return false;
}

/* Runs an action; values receives up to 16 results. */
static enum outcome act(const json_t *action, uint64_t *values, size_t *count, const char **text)
{
    struct module *m = module_find(action);
    const json_t *field = json_object_get(action, "field");
    uint32_t index;
    if (m == NULL || !m->usable || m->incomplete) {
        return SKIPPED;
    }
    if (strcmp(json_string_value(json_object_get(action, "type")), "get") == 0) {
        *count = 1;
        if (!export_find(m, WB_WASM_GLOBAL, field, &index) ||
            wb_wasm_global_get(&m->inst, index, values) != WB_OK) {
            *text = "no such global";
            return ERROR;
        }
        return RETURNED;
    }
    uint64_t args[32];
    const json_t *list = json_object_get(action, "args");
    for (size_t i = 0; i < json_array_size(list); i++) {
        args[i] = value_read(json_array_get(list, i));
    }
    if (!export_find(m, WB_WASM_FUNC, field, &index)) {
        *text = "no such function";
        return ERROR;
    }
    enum wb_err err = wb_wasm_call(&m->inst, index, args, json_array_size(list));
    if (err != WB_OK) {
        *text = wb_err_str(err);
        return ERROR;
    }
    t.incomplete = false;
    enum wb_wasm_status status = finish(&m->inst);
    if (t.incomplete) {
        return SKIPPED;
    }
    if (status == WB_WASM_TRAP) {
        struct wb_wasm_trap trap;
        wb_wasm_trap_get(&m->inst, &trap);
        *text = wb_wasm_trap_str(trap.kind);
        return TRAPPED;
    }
    if (status != WB_WASM_DONE) {
        *text = "did not end";
        return ERROR;
    }
    *count = wb_wasm_results(&m->inst, values, 16);
    return RETURNED;
}

static void run_action(const json_t *command, const char *type)
{
    uint64_t values[16];
    size_t count = 0;
    const char *text = "";
    const json_t *expected = json_object_get(command, "expected");
    enum outcome outcome = act(json_object_get(command, "action"), values, &count, &text);
    if (outcome == SKIPPED) {
        t.skipped++;
        return;
    }
    if (outcome == ERROR) {
        failed(command, text, NULL);
        return;
    }
    if (strcmp(type, "assert_trap") == 0 || strcmp(type, "assert_exhaustion") == 0) {
        const char *want = json_string_value(json_object_get(command, "text"));
        if (outcome != TRAPPED) {
            failed(command, "returned, expected", want);
        } else if (strncmp(want, text, strlen(text)) != 0) {
            failed(command, want, text);
        } else {
            t.passed++;
        }
        return;
    }
    if (outcome == TRAPPED) {
        failed(command, "trapped:", text);
        return;
    }
    if (strcmp(type, "assert_return") == 0) {
        bool same = count == json_array_size(expected);
        for (size_t i = 0; same && i < count; i++) {
            same = value_matches(json_array_get(expected, i), values[i]);
        }
        if (!same) {
            char more[64];
            snprintf(more, sizeof more, "%zu values, 0x%llx", count, (unsigned long long)values[0]);
            failed(command, "other result", more);
            return;
        }
    }
    t.passed++;
}

/* ---- modules that must be refused --------------------------------------------------------- */

static void run_refused(const json_t *command, const char *type)
{
    struct flash flash = {0};
    struct wb_wasm_install x;
    const char *module_type = json_string_value(json_object_get(command, "module_type"));
    if (module_type != NULL && strcmp(module_type, "binary") != 0) {
        t.skipped++;
        return;
    }
    bool malformed = strcmp(type, "assert_malformed") == 0;
    flash.any_import = !malformed;
    enum wb_err err = install(command, &flash, &x);
    if (err == WB_OK) {
        failed(command, "accepted:", json_string_value(json_object_get(command, "text")));
    } else if (err != WB_ERR_FORMAT && err != WB_ERR_VALIDATION &&
               !(malformed && (err == WB_ERR_UNSUPPORTED || err == WB_ERR_LIMIT))) {
        /* In one pass some malformed modules look invalid, and the reverse (data count): both are
         * refusals. */
        failed(command, x.fault.what, json_string_value(json_object_get(command, "text")));
    } else {
        t.passed++;
    }
    flash_free(&flash);
}

/* assert_unlinkable, assert_uninstantiable */
static void run_unusable(const json_t *command, const char *type)
{
    struct module *m = calloc(1, sizeof *m);
    struct wb_wasm_install x;
    struct wb_fault fault = {0};
    const char *trap = NULL;
    const char *want = json_string_value(json_object_get(command, "text"));
    enum wb_err err = install(command, &m->flash, &x);
    bool foreign = err == WB_ERR_IMPORT && is_foreign(x.import_module);
    if (strcmp(type, "assert_unlinkable") == 0) {
        bool same = err == WB_ERR_IMPORT && strcmp(x.fault.what, want) == 0;
        if (same) {
            t.passed++;
        } else if (foreign) {
            t.skipped++;
        } else {
            failed(command, want, wb_err_str(err));
        }
    } else if (foreign) {
        t.skipped++;
    } else {
        err = err == WB_OK ? instantiate(m, &fault, &trap) : err;
        if (err == WB_ERR_TRAP && strcmp(trap, want) == 0) {
            t.passed++;
        } else {
            failed(command, want, err == WB_ERR_TRAP ? trap : wb_err_str(err));
        }
    }
    module_free(m);
}

static void run_register(const json_t *command)
{
    const char *as = json_string_value(json_object_get(command, "as"));
    struct module *m = module_find(command);
    const json_t *name = json_object_get(command, "name");
    if (name != NULL) {
        for (m = t.modules;
             m != NULL && (m->name == NULL || strcmp(m->name, json_string_value(name)) != 0);
             m = m->next) {
        }
    }
    bool usable = m != NULL && m->usable;
    if (t.registered_count == WB_ARRAY_LEN(t.registered)) {
        t.skipped++;
        return;
    }
    snprintf(t.registered[t.registered_count].name, sizeof t.registered[0].name, "%s", as);
    t.registered[t.registered_count++].module = usable ? m : NULL;
    t.passed += usable;
    t.skipped += !usable;
}

static void run_file(const char *path)
{
    char copy[1024];
    json_error_t error;
    json_t *script = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (script == NULL) {
        printf("FAIL %s: %s\n", path, error.text);
        t.failed++;
        return;
    }
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(t.dir, sizeof t.dir, "%s", dirname(copy));
    t.file = strrchr(path, '/') + 1;
    size_t i;
    json_t *command;
    json_array_foreach(json_object_get(script, "commands"), i, command)
    {
        const char *type = json_string_value(json_object_get(command, "type"));
        if (strcmp(type, "module") == 0) {
            run_module(command);
        } else if (strcmp(type, "register") == 0) {
            run_register(command);
        } else if (strcmp(type, "assert_invalid") == 0 || strcmp(type, "assert_malformed") == 0) {
            run_refused(command, type);
        } else if (strcmp(type, "assert_unlinkable") == 0 ||
                   strcmp(type, "assert_uninstantiable") == 0) {
            run_unusable(command, type);
        } else {
            run_action(command, type);
        }
    }
    while (t.modules != NULL) {
        struct module *next = t.modules->next;
        module_free(t.modules);
        t.modules = next;
    }
    t.current = NULL;
    t.registered_count = 0;
    json_decref(script);
}

static void run_folder(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[2048];
        if (names[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s/%s.json", folder, names[i]->d_name,
                     names[i]->d_name);
            run_file(path);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

int main(int argc, char **argv)
{
    const char *folder = WB_SHARED_DIR "/spec-tests/core-2.0";
    for (int i = 1; i < argc; i++) {
        run_file(argv[i]);
    }
    if (argc <= 1) {
        DIR *dir = opendir(folder);
        if (dir == NULL) {
            printf("skipped: %s is not there (the specification's tests, converted)\n", folder);
            return WB_TEST_SKIPPED;
        }
        closedir(dir);
        run_folder(folder);
        run_folder(WB_SHARED_DIR "/spec-tests/extended-const");
        run_folder(WB_SHARED_DIR "/spec-tests/tail-call");
    }
    printf("%u passed, %u failed, %u skipped\n", t.passed, t.failed, t.skipped);
    return t.failed == 0 ? 0 : 1;
}
