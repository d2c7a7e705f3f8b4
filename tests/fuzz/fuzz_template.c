/* SPDX-License-Identifier: MIT
 *
 * fuzz_template.c - bytes as a chat template. Whatever it does, it does in the process under guard:
 * here arrives a text of bounded length, or one line that names the template.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char vars[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":"
        "\"Hello\"},{\"role\":\"user\",\"content\":\"Tea?\"}],\"add_generation_prompt\":true,"
        "\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"tools\":null,\"now\":1752537600}";
    template_program *t = NULL;
    persona_err e = {0};
    char *out = NULL, *text = mem_strndup((const char *)data, size);
    size_t n = 0;
    must(text != NULL && template_new("fuzz.jinja", text, &t, NULL) == PERSONA_OK);
    const persona_code rc = template_render(t, vars, strlen(vars), &out, &n, &e);
    fuzz_accepted = rc == PERSONA_OK;
    must((out != NULL) == fuzz_accepted && n <= TEMPLATE_MAX_TEXT);
    must(fuzz_accepted || (strstr(e.msg, "fuzz.jinja") != NULL && strchr(e.msg, '\n') == NULL));
    mem_free(out);
    mem_free(text);
    template_free(t);
    return 0;
}
