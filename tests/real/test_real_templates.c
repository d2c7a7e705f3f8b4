/* SPDX-License-Identifier: MIT
 *
 * test_real_templates.c - the prompt's token ids of several conversations, on each real model with
 * a chat template, are those that libllama's tokenizer makes of jinja2's rendering of the file's
 * own template (render.py). Contents are honest ones: none holds a control token. Skipped where
 * Python has no jinja2.
 */
#include "engine/forced.h"
#include "real/real.h"

enum { N_MOST = 5 };
static const persona_message TALKS[][N_MOST] = {
    {{"user", "Hello"}},
    {{"system", "You are a pirate."}, {"user", "What is tea?"}},
    {{"system", ""}, {"user", "An empty system text."}},
    {{"user", "One"}, {"assistant", "Two"}, {"user", "Three"}},
    {{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello.\nAgain."}, {"user", "And?"}},
    {{"user", "  spaces around  "}},
    {{"user", "Gr\xC3\xBC\xC3\x9F"
              "e, \xE4\xB8\x96\xE7\x95\x8C \xF0\x9F\x98\x80! 100 % of \"quotes\" and \\ {{ braces "
              "}} {% if %}"}},
    {{"user", "def f(x):\n    return x\n"}, {"assistant", "Fine.\n\n"}, {"user", "\nWhy?"}},
};
#define N_TALKS (sizeof TALKS / sizeof TALKS[0])

static size_t length(const persona_message *talk)
{
    size_t n = 0;
    while (n < N_MOST && talk[n].role != NULL) {
        n++;
    }
    return n;
}

static void put_file(const char *name, const char *text)
{
    (void)scratch_bytes(name, text, strlen(text));
}

static void put_talk(const persona_message *talk)
{
    FILE *f = fopen(scratch_path("messages.json"), "w");
    const size_t n = length(talk);
    assert_non_null(f);
    fputc('[', f);
    for (size_t i = 0; i < n; i++) {
        put_message(f, talk[i].role, talk[i].content, i + 1 < n ? "," : "");
    }
    fputc(']', f);
    assert_int_equal(fclose(f), 0);
}

static const char *token_text(const stock *s, llama_token t)
{
    static char text[2][256];
    static unsigned next;
    char *out = text[next++ % 2];
    out[0] = '\0';
    if (t != LLAMA_TOKEN_NULL) {
        (void)stock_piece(s, t, out, sizeof text[0]);
    }
    return out;
}

/* jinja2's rendering, tokenized; BOS is the template's business, as in transformers. */
static int theirs(const stock *s, const persona_message *talk, llama_token *out)
{
    char command[2048];
    put_talk(talk);
    snprintf(command, sizeof command, "python3 '%s/tests/real/render.py' '%s'", PERSONA_SOURCE_DIR,
             scratch_folder);
    const char *text = shell_output(command);
    const int n =
        llama_tokenize(s->vocab, text, (int32_t)strlen(text), out, REAL_MOST, false, true);
    assert_int_in_range(n, 1, REAL_MOST);
    return n;
}

static void check_talk(const persona_model *m, const stock *s, const persona_message *talk)
{
    llama_token want[REAL_MOST];
    persona_tokens got;
    persona_err e = {0};
    const int n = theirs(s, talk, want);
    must(persona_chat_tokens(m, talk, length(talk), NULL, &got, &e), &e);
    for (int i = 0; i < n && i < (int)got.n; i++) {
        if (want[i] != got.ids[i]) {
            fail_msg("token %d of '%s' is %d, jinja2 has %d", i, talk[0].content, got.ids[i],
                     want[i]);
        }
    }
    assert_int_equal(got.n, n);
    persona_tokens_free(&got);
}

static void check_model(const char *path)
{
    persona_model *m = real_open(path);
    stock s = stock_open(path);
    const char *name = strrchr(path, '/') + 1;
    const char *template = llama_model_chat_template(s.model, NULL);
    if (template == NULL) {
        printf("%s: has no chat template\n", name);
    } else {
        put_file("template.jinja", template);
        put_file("bos.txt", token_text(&s, llama_vocab_bos(s.vocab)));
        put_file("eos.txt", token_text(&s, llama_vocab_eos(s.vocab)));
        for (size_t i = 0; i < N_TALKS; i++) {
            check_talk(m, &s, TALKS[i]);
        }
        printf("%s: %zu conversations equal\n", name, N_TALKS);
    }
    stock_close(&s);
    persona_model_free(m);
}

int main(void)
{
    if (shell("python3 -c 'import jinja2'") != 0) {
        printf("skipped: Python has no jinja2\n");
        return 77;
    }
    return real_main(check_model);
}
