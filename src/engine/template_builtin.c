/* SPDX-License-Identifier: MIT
 *
 * template_builtin.c - chat templates that we bring, for files that have none or a wrong one, in
 * the simplest form of each family. `harmony` is written by hand (harmony.c) and has no text.
 */
#include <string.h>

#include "engine/template.h"

static const struct builtin {
    const char *name, *text;
} BUILTIN[] = {
    {"chatml",
     "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' "
     "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
     "{% endif %}"},
    {"gemma",
     "{{ bos_token }}{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
     "{% set first = messages[0]['content'] + '\\n\\n' %}{% set messages = messages[1:] %}"
     "{% endif %}{% for m in messages %}{% if m['role'] == 'assistant' %}"
     "{{ '<start_of_turn>model\\n' }}{% else %}{{ '<start_of_turn>' + m['role'] + '\\n' }}"
     "{% endif %}{{ (first if loop.first else '') + (m['content'] | trim) + '<end_of_turn>\\n' }}"
     "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"},
    {"harmony", ""},
    {"llama-2",
     "{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
     "{% set first = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
     "{% set messages = messages[1:] %}{% endif %}{% for m in messages %}"
     "{% if m['role'] == 'assistant' %}{{ ' ' + (m['content'] | trim) + ' ' + eos_token }}"
     "{% else %}{{ bos_token + '[INST] ' + (first if loop.first else '') + (m['content'] | trim) + "
     "' [/INST]' }}{% endif %}{% endfor %}"},
    {"llama-3",
     "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + "
     "'<|end_header_id|>\\n\\n' + (m['content'] | trim) + '<|eot_id|>' }}{% endfor %}"
     "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
     "{% endif %}"},
    {"mistral",
     "{{ bos_token }}{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
     "{% set first = messages[0]['content'] + '\\n\\n' %}{% set messages = messages[1:] %}"
     "{% endif %}{% for m in messages %}{% if m['role'] == 'assistant' %}"
     "{{ ' ' + m['content'] + eos_token }}{% else %}"
     "{{ '[INST] ' + (first if loop.first else '') + m['content'] + '[/INST]' }}{% endif %}"
     "{% endfor %}"},
    {"phi-3",
     "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}"
     "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
    /* for base models: every part ends its line, so that an answer begins as any line does */
    {TEMPLATE_PLAIN,
     "{% for m in messages %}{% if m['role'] == 'user' %}{{ 'Question: ' + m['content'] + '\\n\\n' "
     "}}"
     "{% elif m['role'] == 'assistant' %}{{ 'Answer:\\n' + m['content'] + '\\n\\n' }}{% else %}"
     "{{ m['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
     "{% if add_generation_prompt %}{{ 'Answer:\\n' }}{% endif %}"},
    {"zephyr",
     "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + eos_token + '\\n' }}"
     "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
};

const char *template_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof BUILTIN / sizeof BUILTIN[0]; i++) {
        if (strcmp(BUILTIN[i].name, name) == 0) {
            return BUILTIN[i].text;
        }
    }
    return NULL;
}

const char *template_builtin_names(void)
{
    return "chatml, gemma, harmony, llama-2, llama-3, mistral, phi-3, plain, zephyr";
}
