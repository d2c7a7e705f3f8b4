/* SPDX-License-Identifier: MIT
 *
 * pickle.c - a pickle machine that knows one program: torch.save of a plain 2-d tensor.
 *
 * A pickle is a program, and a general machine would run what a stranger wrote. This one has the
 * opcodes that PyTorch uses for a tensor and five names, which mean fixed things here; nothing is
 * ever imported or called. Whatever differs is refused by name:
 *
 *   _rebuild_tensor_v2(persistent('storage', FloatStorage, KEY, DEVICE, n), offset,
 *                      (rows, columns), (row stride, column stride), requires_grad, OrderedDict())
 *
 * Values live in a fixed array (cells); a tuple is a range of it. Stack, memo and cells are
 * bounded, so a pickle costs no memory of its own.
 */
#include "store/vector/pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_STACK = 64, MAX_MEMO = 64, MAX_CELLS = 256 };

typedef enum kind {
    NOTHING, /* None */
    MARK,
    BOOL,
    INT,
    TEXT,
    TUPLE,
    GLOBAL,
    DICT,
    STORAGE,
    TENSOR,
} kind;

typedef enum name {
    REBUILD_TENSOR,
    ORDERED_DICT,
    FLOAT_STORAGE,
    HALF_STORAGE,
    BFLOAT16_STORAGE
} name;

static const struct {
    const char *text; /* as GLOBAL spells it: module, newline, name, newline */
    name id;
} names[] = {
    {"torch._utils\n_rebuild_tensor_v2\n", REBUILD_TENSOR},
    {"collections\nOrderedDict\n", ORDERED_DICT},
    {"torch\nFloatStorage\n", FLOAT_STORAGE},
    {"torch\nHalfStorage\n", HALF_STORAGE},
    {"torch\nBFloat16Storage\n", BFLOAT16_STORAGE},
};

typedef struct value {
    kind kind;
    int64_t i;         /* INT, BOOL; GLOBAL: name; STORAGE: vecfile_type; TUPLE: first cell */
    const char *s;     /* TEXT; STORAGE: key */
    size_t n;          /* length of the text; TUPLE: items */
    int64_t n_storage; /* STORAGE */
} value;

typedef struct machine {
    const vecfile *f;
    const unsigned char *p;
    size_t n, at;
    value stack[MAX_STACK], memo[MAX_MEMO], cells[MAX_CELLS];
    bool known[MAX_MEMO];
    size_t depth, n_cells;
    pickle_tensor tensor; /* what the one TENSOR value is */
    persona_code rc;
} machine;

/* ---- small steps; each leaves its failure in m->rc ------------------------------------------- */

static void wrong(machine *m, const char *what)
{
    if (m->rc == PERSONA_OK) {
        m->rc = vecfile_bad(m->f,
                            "data.pkl, byte %zu: %s (only one plain 2-d tensor is read, as "
                            "torch.save(x.float().cpu(), F) writes it)",
                            m->at, what);
    }
}

static const unsigned char *take(machine *m, size_t n)
{
    static const unsigned char zeros[8];
    if (n > m->n - m->at) {
        wrong(m, "it ends in the middle");
        return zeros;
    }
    m->at += n;
    return m->p + m->at - n;
}

/* n <= 8 bytes, little-endian. */
static uint64_t take_number(machine *m, size_t n)
{
    const unsigned char *p = take(m, n);
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++) {
        x |= (uint64_t)p[i] << 8 * i;
    }
    return x;
}

static void push(machine *m, value v)
{
    if (m->depth == MAX_STACK) {
        wrong(m, "too deep");
    } else {
        m->stack[m->depth++] = v;
    }
}

static value pop(machine *m)
{
    if (m->depth == 0) {
        wrong(m, "the stack is empty");
        return (value){.kind = NOTHING};
    }
    return m->stack[--m->depth];
}

static void remember(machine *m, uint64_t slot)
{
    if (slot >= MAX_MEMO || m->depth == 0) {
        wrong(m, "a memo out of range");
        return;
    }
    m->memo[slot] = m->stack[m->depth - 1];
    m->known[slot] = true;
}

static void recall(machine *m, uint64_t slot)
{
    if (slot >= MAX_MEMO || !m->known[slot]) {
        wrong(m, "a memo that was never set");
    } else {
        push(m, m->memo[slot]);
    }
}

/* The topmost n values become a tuple. */
static void make_tuple(machine *m, size_t n)
{
    if (n > m->depth || n > MAX_CELLS - m->n_cells) {
        wrong(m, "a tuple that is too long");
        return;
    }
    const value t = {.kind = TUPLE, .i = (int64_t)m->n_cells, .n = n};
    for (size_t i = 0; i < n; i++) {
        m->cells[m->n_cells++] = m->stack[m->depth - n + i];
    }
    m->depth -= n;
    push(m, t);
}

static void tuple_to_mark(machine *m)
{
    size_t n = 0;
    while (n < m->depth && m->stack[m->depth - 1 - n].kind != MARK) {
        n++;
    }
    if (n == m->depth) {
        wrong(m, "a tuple without a mark");
        return;
    }
    make_tuple(m, n);
    const value t = pop(m);
    (void)pop(m); /* the mark */
    push(m, t);
}

static void take_global(machine *m)
{
    const char *s = (const char *)m->p + m->at;
    const size_t left = m->n - m->at;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t n = strlen(names[i].text);
        if (n > left || memcmp(s, names[i].text, n) != 0) {
            continue;
        }
        m->at += n;
        push(m, (value){.kind = GLOBAL, .i = names[i].id});
        return;
    }
    char text[96] = "the name '", *to = text + strlen(text);
    for (size_t i = 0, lines = 0; i < left && to < text + sizeof text - 24; i++) {
        lines += s[i] == '\n';
        if (lines == 2) {
            break;
        }
        *to++ = s[i] == '\n' ? '.' : s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
    }
    memcpy(to, "' is not allowed", sizeof "' is not allowed");
    wrong(m, text);
}

/* ---- the two things that may be built -------------------------------------------------------- */

static const value *items(const machine *m, value t)
{
    return m->cells + t.i;
}

/* Keys of storages are small numbers; they become part of a name. */
static bool is_key(value v)
{
    bool digits = v.kind == TEXT && v.n >= 1 && v.n <= 16;
    for (size_t i = 0; digits && i < v.n; i++) {
        digits = v.s[i] >= '0' && v.s[i] <= '9';
    }
    return digits;
}

/* ('storage', TYPE, key, device, n) */
static void make_storage(machine *m)
{
    const value t = pop(m);
    const value *x = m->cells;
    if (t.kind == TUPLE) {
        x += t.i;
    }
    if (t.kind != TUPLE || t.n != 5 || x[0].kind != TEXT || x[0].n != 7 ||
        memcmp(x[0].s, "storage", 7) != 0 || x[1].kind != GLOBAL || x[1].i < FLOAT_STORAGE ||
        !is_key(x[2]) || x[3].kind != TEXT || x[4].kind != INT || x[4].i < 0) {
        wrong(m, "a storage of another kind");
        return;
    }
    push(m, (value){.kind = STORAGE,
                    .i = x[1].i == FLOAT_STORAGE  ? VECFILE_F32
                         : x[1].i == HALF_STORAGE ? VECFILE_F16
                                                  : VECFILE_BF16,
                    .s = x[2].s,
                    .n = x[2].n,
                    .n_storage = x[4].i});
}

static bool is_pair(const machine *m, value t)
{
    return t.kind == TUPLE && t.n == 2 && items(m, t)[0].kind == INT && items(m, t)[1].kind == INT;
}

/* (storage, offset, size, stride, requires_grad, hooks [, metadata]) */
static void make_tensor(machine *m, value t)
{
    const value *x = items(m, t);
    if (t.n < 6 || t.n > 7 || x[0].kind != STORAGE || x[1].kind != INT || x[4].kind != BOOL ||
        x[5].kind != DICT || (t.n == 7 && x[6].kind != NOTHING)) {
        wrong(m, "a tensor of another kind");
        return;
    }
    if (!is_pair(m, x[2]) || !is_pair(m, x[3])) {
        wrong(m, "a tensor that does not have two dimensions");
        return;
    }
    m->tensor = (pickle_tensor){.type = (vecfile_type)x[0].i,
                                .key = x[0].s,
                                .key_len = x[0].n,
                                .n_storage = x[0].n_storage,
                                .offset = x[1].i,
                                .rows = items(m, x[2])[0].i,
                                .columns = items(m, x[2])[1].i,
                                .row_stride = items(m, x[3])[0].i,
                                .column_stride = items(m, x[3])[1].i};
    push(m, (value){.kind = TENSOR});
}

static void reduce(machine *m)
{
    const value args = pop(m), what = pop(m);
    if (args.kind != TUPLE || what.kind != GLOBAL) {
        wrong(m, "a call of something else");
    } else if (what.i == ORDERED_DICT && args.n == 0) {
        push(m, (value){.kind = DICT});
    } else if (what.i == REBUILD_TENSOR) {
        make_tensor(m, args);
    } else {
        wrong(m, "a call that is not allowed");
    }
}

/* ---- opcodes --------------------------------------------------------------------------------- */

static void op_proto(machine *m, unsigned op)
{
    (void)op;
    if (take_number(m, 1) != 2) {
        wrong(m, "not protocol 2");
    }
}

static void op_global(machine *m, unsigned op)
{
    (void)op;
    take_global(m);
}

static void op_put(machine *m, unsigned op)
{
    remember(m, take_number(m, op == 'q' ? 1 : 4));
}

static void op_get(machine *m, unsigned op)
{
    recall(m, take_number(m, op == 'h' ? 1 : 4));
}

static void op_mark(machine *m, unsigned op)
{
    (void)op;
    push(m, (value){.kind = MARK});
}

static void op_text(machine *m, unsigned op)
{
    (void)op;
    const size_t n = (size_t)take_number(m, 4);
    const unsigned char *p = take(m, n);
    if (m->rc == PERSONA_OK) {
        push(m, (value){.kind = TEXT, .s = (const char *)p, .n = n});
    }
}

/* Unsigned of one and two bytes, signed of four. */
static void op_int(machine *m, unsigned op)
{
    const uint64_t x = take_number(m, op == 'K' ? 1 : op == 'M' ? 2 : 4);
    push(m, (value){.kind = INT, .i = op == 'J' ? (int32_t)(uint32_t)x : (int64_t)x});
}

/* Two's complement of up to eight bytes. */
static void op_long(machine *m, unsigned op)
{
    const size_t n = (size_t)take_number(m, 1);
    (void)op;
    if (n > 8) {
        wrong(m, "an integer of more than 64 bits");
        return;
    }
    uint64_t x = take_number(m, n);
    if (n > 0 && n < 8 && x >> (8 * n - 1)) {
        x |= UINT64_MAX << 8 * n;
    }
    push(m, (value){.kind = INT, .i = (int64_t)x});
}

static void op_bool(machine *m, unsigned op)
{
    push(m, (value){.kind = BOOL, .i = op == 0x88});
}

static void op_none(machine *m, unsigned op)
{
    (void)op;
    push(m, (value){.kind = NOTHING});
}

static void op_tuple(machine *m, unsigned op)
{
    if (op == 't') {
        tuple_to_mark(m);
    } else {
        make_tuple(m, op == ')' ? 0 : op - 0x84);
    }
}

static void op_persistent(machine *m, unsigned op)
{
    (void)op;
    make_storage(m);
}

static void op_reduce(machine *m, unsigned op)
{
    (void)op;
    reduce(m);
}

static const struct {
    unsigned op;
    void (*run)(machine *m, unsigned op);
} opcodes[] = {
    {0x80, op_proto}, {'c', op_global},     {'q', op_put},    {'r', op_put},    {'h', op_get},
    {'j', op_get},    {'(', op_mark},       {'X', op_text},   {'K', op_int},    {'M', op_int},
    {'J', op_int},    {0x8a, op_long},      {0x88, op_bool},  {0x89, op_bool},  {'N', op_none},
    {')', op_tuple},  {0x85, op_tuple},     {0x86, op_tuple}, {0x87, op_tuple}, {'t', op_tuple},
    {'R', op_reduce}, {'Q', op_persistent},
};

/* One opcode; false at the end. */
static bool step(machine *m)
{
    char text[40];
    const unsigned op = *take(m, 1);
    if (m->rc != PERSONA_OK || op == '.') {
        return false;
    }
    for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++) {
        if (opcodes[i].op != op) {
            continue;
        }
        opcodes[i].run(m, op);
        return m->rc == PERSONA_OK;
    }
    snprintf(text, sizeof text, "the opcode 0x%02x is not allowed", op);
    wrong(m, text);
    return false;
}

persona_code pickle_read(const vecfile *f, const unsigned char *p, size_t n, pickle_tensor *out)
{
    machine *m = mem_calloc(1, sizeof *m);
    if (!m) {
        return mem_err(f->e, f->path);
    }
    *m = (machine){.f = f, .p = p, .n = n};
    while (step(m))
        ;
    if (m->rc == PERSONA_OK && (m->depth != 1 || m->stack[0].kind != TENSOR)) {
        wrong(m, "it holds something else");
    }
    if (m->rc == PERSONA_OK) {
        *out = m->tensor;
    }
    const persona_code rc = m->rc;
    mem_free(m);
    return rc;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_int(buf *b, int64_t x)
{
    buf_putc(b, 'J');
    for (int i = 0; i < 4; i++) {
        buf_putc(b, (char)(unsigned char)(x >> 8 * i));
    }
}

static void put_text(buf *b, const char *s)
{
    const size_t n = strlen(s); /* short ones */
    buf_putc(b, 'X');
    buf_putc(b, (char)n);
    buf_add(b, "\0\0", 3);
    buf_puts(b, s);
}

void pickle_write(buf *b, int64_t rows, int64_t columns)
{
    buf_puts(b, "\x80\x02");
    buf_puts(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(b, "storage");
    buf_puts(b, "ctorch\nFloatStorage\n");
    put_text(b, "0");
    put_text(b, "cpu");
    put_int(b, rows * columns);
    buf_puts(b, "tQ");
    put_int(b, 0);
    put_int(b, rows);
    put_int(b, columns);
    buf_putc(b, '\x86');
    put_int(b, columns);
    put_int(b, 1);
    buf_puts(b, "\x86\x89"
                "ccollections\nOrderedDict\n)RtR.");
}
