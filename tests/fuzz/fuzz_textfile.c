/* SPDX-License-Identifier: MIT
 *
 * fuzz_textfile.c - bytes as a file of texts: by its first line, and as each format. What is read
 * keeps its promises; what is refused says why in one line.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/text/textfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool fuzz_accepted;

static void must(bool what)
{
    if (!what) {
        abort();
    }
}

static void look_at(const text_item *item)
{
    must(item->response || item->prompt || item->n_messages > 0);
    must(!item->messages || !item->prompt);
    must(item->polarity >= -1 && item->polarity <= 1);
    must(!(item->label_trait < 0) && !(item->label_trait > 100));
    for (size_t i = 0; i < item->n_messages; i++) {
        must(item->messages[i].role && item->messages[i].content);
    }
    (void)text_item_group(item);
}

static bool read_all(const uint8_t *data, size_t size, text_format format)
{
    const text_reader_opts opts = {.format = format};
    text_reader *r = NULL;
    persona_err e = {0};
    persona_code rc = text_reader_open_bytes("file", data, size, &opts, &r, &e);
    while (rc == PERSONA_OK) {
        text_item *item = NULL;
        rc = text_reader_next(r, &item, &e);
        if (!item) {
            break;
        }
        look_at(item);
        text_item_free(item);
    }
    must(rc == PERSONA_OK || (e.code == rc && *e.msg && !strchr(e.msg, '\n')));
    text_reader_close(r);
    return rc == PERSONA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size, TEXT_JSONL);
    read_all(data, size, TEXT_CSV);
    read_all(data, size, TEXT_PROMPTS);
    fuzz_accepted = read_all(data, size, TEXT_AUTO);
    return 0;
}
