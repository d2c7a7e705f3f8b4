/* SPDX-License-Identifier: MIT
 *
 * template_minja.cpp - chat templates evaluated by minja; the only file that knows it, and the only
 * one in C++. Settings are those of Hugging Face transformers: trim_blocks and lstrip_blocks on,
 * the last newline of a template dropped. No exception leaves this file.
 *
 * strftime_now is ours: minja's chat_template brings one with guesses about the template beside it,
 * and the clock must be one that tests can set.
 */
#include "engine/template_minja.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include <minja/minja.hpp>

extern "C" {
#include "base/mem.h"
}

struct minja_program {
    std::shared_ptr<minja::TemplateNode> root;
};

static void say(char *why, size_t n_why, const char *text)
{
    std::snprintf(why, n_why, "%s", text);
}

minja_program *minja_program_new(const char *text, size_t len, char *why, size_t n_why)
{
    try {
        const minja::Options options = {/* trim_blocks */ true, /* lstrip_blocks */ true,
                                        /* keep_trailing_newline */ false};
        auto program = std::make_unique<minja_program>();
        program->root = minja::Parser::parse(std::string(text, len), options);
        return program.release();
    } catch (const std::exception &x) {
        say(why, n_why, x.what());
    } catch (...) {
        say(why, n_why, "unknown exception");
    }
    return nullptr;
}

void minja_program_free(minja_program *p)
{
    delete p;
}

static minja::Value clock_of(std::time_t now)
{
    return minja::Value::callable(
        [now](const std::shared_ptr<minja::Context> &, minja::ArgumentsValue &args) {
            args.expectArgs("strftime_now", {1, 1}, {0, 0});
            const auto format = args.args[0].get<std::string>();
            std::tm parts = {};
            char text[256];
            gmtime_r(&now, &parts);
            const size_t n = std::strftime(text, sizeof text, format.c_str(), &parts);
            return minja::Value(std::string(text, n));
        });
}

char *minja_program_render(const minja_program *p, const char *vars, size_t n_vars, size_t *n_out,
                           char *why, size_t n_why)
{
    try {
        auto values = nlohmann::ordered_json::parse(vars, vars + n_vars);
        const std::time_t now = values.value("now", std::time_t{0});
        auto context = minja::Context::make(minja::Value(values));
        context->set("strftime_now", clock_of(now));
        const std::string text = p->root->render(context);
        char *out = mem_strndup(text.data(), text.size());
        if (out == nullptr) {
            throw std::bad_alloc();
        }
        *n_out = text.size();
        return out;
    } catch (const std::exception &x) {
        say(why, n_why, x.what());
    } catch (...) {
        say(why, n_why, "unknown exception");
    }
    return nullptr;
}
