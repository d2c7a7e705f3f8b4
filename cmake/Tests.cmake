# SPDX-License-Identifier: MIT
#
# Tests.cmake - one program and one ctest entry per file: tests/unit/test_*.c (label unit, no model),
# tests/engine/test_*.c (label engine, the embedded pair), tests/cli/*.sh (label cli, the built program).
# tests/real/* (label real) want real models, PERSONA_REAL_MODELS, and skip without (`make test-real`).
# tests/fuzz/fuzz_*.c replay their corpus (label unit). Exit status 77 means skipped. bench/*.c are
# build/bench/persona-bench, which `make bench` runs. tools/make_model.c becomes build/tools/random-model, for developers.

pkg_check_modules(PC_cmocka REQUIRED IMPORTED_TARGET "cmocka>=1.1")

# Sanitizers stretch time; suppressions say why they are there.
set(factor 1)
set(test_env "PERSONA_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "PERSONA=${PROJECT_BINARY_DIR}/persona"
    "CMOCKA_MESSAGE_OUTPUT=STDOUT"
    # libgomp (inside ggml) spins while it waits: on a busy two-core machine that made tests ten times slower.
    "OMP_WAIT_POLICY=passive"
    # Test output is compared and read: no colours, no user's library, English messages.
    # Waiting threads must not spin where tests share cores (src/cli/main.c does the same).
    "GOMP_SPINCOUNT=1000"
    "LC_ALL=C.UTF-8" "NO_COLOR=1" "XDG_DATA_HOME=${PROJECT_BINARY_DIR}/tests/xdg"
    "XDG_CACHE_HOME=${PROJECT_BINARY_DIR}/tests/cache")
# llama.cpp's own program, as an outside oracle; tests that want it skip without it.
find_program(PERSONA_ORACLE llama-completion HINTS "${PERSONA_PREFIX}/oracle")
if(PERSONA_ORACLE)
    list(APPEND test_env "PERSONA_ORACLE=${PERSONA_ORACLE}")
endif()
# The other hosts of tests/cli/rpc.sh; Debian's package has it where no PATH leads.
find_program(PERSONA_RPC_SERVER ggml-rpc-server HINTS "${PERSONA_PREFIX}/oracle"
    "/usr/libexec/${CMAKE_LIBRARY_ARCHITECTURE}/llama/bin")
if(PERSONA_RPC_SERVER)
    list(APPEND test_env "PERSONA_RPC_SERVER=${PERSONA_RPC_SERVER}")
endif()
if(PERSONA_SANITIZE)
    set(factor 5)
    list(APPEND test_env "PERSONA_QUICK=1") # tests of behavior take the shortest of their cases
    set(supp "${PROJECT_SOURCE_DIR}/tests/sanitizers")
    list(APPEND test_env
        "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1:abort_on_error=0"
        "LSAN_OPTIONS=suppressions=${supp}/lsan.txt:print_suppressions=0"
        "UBSAN_OPTIONS=print_stacktrace=1"
        "TSAN_OPTIONS=suppressions=${supp}/tsan.txt:halt_on_error=1:second_deadlock_stack=1")
endif()

# Tests need the source tree in every build, also where the installed program must not know it.
function(persona_source_data target)
    target_compile_definitions(${target} PRIVATE
        $<$<NOT:$<BOOL:${PERSONA_SOURCE_DATA}>>:PERSONA_SOURCE_DIR="${PROJECT_SOURCE_DIR}">)
endfunction()

file(GLOB support CONFIGURE_DEPENDS "tests/support/*.c")
if(support)
    add_library(persona_test_support OBJECT ${support})
    target_link_libraries(persona_test_support PRIVATE persona_common PkgConfig::PC_cmocka)
    persona_source_data(persona_test_support)
endif()

function(persona_program file folder)
    get_filename_component(name "${file}" NAME_WE)
    add_executable(${name} "${file}")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${folder}")
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    persona_source_data(${name})
    target_link_libraries(${name} PRIVATE persona_static persona_common)
    # The server is no part of the library.
    if(name MATCHES "^(test_server|fuzz_request)")
        target_sources(${name} PRIVATE $<TARGET_OBJECTS:persona_server>)
    endif()
    if(TARGET persona_test_support)
        target_link_libraries(${name} PRIVATE persona_test_support)
    endif()
endfunction()

function(persona_test_properties name label timeout processors)
    math(EXPR timeout "${timeout} * ${factor}")
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        PROCESSORS ${processors} ENVIRONMENT "${test_env}" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
endfunction()

add_custom_target(unit_tests)

# Fuzzers: tests/fuzz/fuzz_NAME.c. Each is replayed on its committed corpus; with PERSONA_FUZZ (preset fuzz,
# clang) it is a libFuzzer program, build/fuzz/fuzz_NAME, which `make fuzz` runs, and nothing else is built
# here. libFuzzer brings the host's libstdc++, which may be older than the one that libllama will find.
file(GLOB files CONFIGURE_DEPENDS "tests/fuzz/fuzz_*.c")
foreach(file IN LISTS files)
    get_filename_component(name "${file}" NAME_WE)
    string(REPLACE "fuzz_" "" parser "${name}")
    if(PERSONA_FUZZ)
        persona_program("${file}" ".")
        target_link_options(${name} PRIVATE -fsanitize=fuzzer -Wl,--allow-shlib-undefined)
    else()
        persona_program("${file}" tests)
        target_sources(${name} PRIVATE "tests/fuzz/replay.c")
        set_target_properties(${name} PROPERTIES OUTPUT_NAME "replay_${parser}")
        add_dependencies(unit_tests ${name})
        add_test(NAME ${name} COMMAND ${name} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${parser}")
        persona_test_properties(${name} unit 60 1)
    endif()
endforeach()
if(PERSONA_FUZZ)
    return()
endif()

set(timeout_engine 600)
set(timeout_cli 600)
set(timeout_real 3600)
# The models of the tests are so small that two threads are little faster than one: a core for each test.
set(processors_engine 1)
set(processors_cli 1)
set(processors_real 2)
# What runs under sanitizers; tests on real models and benchmarks are not built there. The target unit_tests is all
# that `make tsan` needs.
set(labels unit engine)
set(label_scripts cli)
if(NOT PERSONA_SANITIZE)
    list(APPEND labels real)
    list(APPEND label_scripts real)
endif()
foreach(label IN LISTS labels)
    file(GLOB files CONFIGURE_DEPENDS "tests/${label}/test_*.c")
    foreach(file IN LISTS files)
        persona_program("${file}" tests)
        get_filename_component(name "${file}" NAME_WE)
        target_link_libraries(${name} PRIVATE PkgConfig::PC_cmocka)
        add_test(NAME ${name} COMMAND ${name})
        if(label STREQUAL "unit")
            add_dependencies(unit_tests ${name})
            persona_test_properties(${name} unit 60 1)
        else()
            persona_test_properties(${name} ${label} ${timeout_${label}} ${processors_${label}})
        endif()
    endforeach()
endforeach()

foreach(label IN LISTS label_scripts)
    file(GLOB files CONFIGURE_DEPENDS "tests/${label}/*.sh")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME_WE)
        if(TARGET persona AND NOT name MATCHES "^_") # _*.sh are parts that others source
            add_test(NAME ${label}_${name} COMMAND bash "${file}")
            persona_test_properties(${label}_${name} ${label} ${timeout_${label}} ${processors_${label}})
        endif()
    endforeach()
endforeach()

if(TARGET persona)
    add_test(NAME options_reference
        COMMAND "${PROJECT_SOURCE_DIR}/tools/check-options" "$<TARGET_FILE:persona>")
    persona_test_properties(options_reference unit 60 1)
    add_dependencies(unit_tests persona)
endif()

if(TEST cli_web)
    math(EXPR walks "1800 * ${factor}")
    set_tests_properties(cli_web PROPERTIES TIMEOUT ${walks})
endif()

# The longest first: begun last, they would run alone. Processor seconds, roughly.
foreach(cost cli_serve=120 test_transfer=100 test_dose=60 cli_resume_demo=50 cli_oracle=30 cli_transfer=29 cli_resume_transfer=28 cli_transfer_map=29 cli_transfer_bad=22 cli_shard_others=40 cli_shard=25
        test_pipeline=20 cli_resume=18 cli_demo=16 test_judge_model=15 test_exact=12 test_onepass=12 cli_oldfiles=9 test_template=8)
    string(REPLACE "=" ";" cost "${cost}")
    list(GET cost 0 name)
    list(GET cost 1 seconds)
    if(TEST ${name})
        set_tests_properties(${name} PROPERTIES COST ${seconds})
    endif()
endforeach()

if(PERSONA_SANITIZE)
    return()
endif()
file(GLOB files CONFIGURE_DEPENDS "bench/case_*.c")
persona_program(bench/bench.c bench)
set_target_properties(bench PROPERTIES OUTPUT_NAME persona-bench)
target_sources(bench PRIVATE ${files} bench/plain.c)

persona_program(tools/make_model.c tools)
set_target_properties(make_model PROPERTIES OUTPUT_NAME random-model)
