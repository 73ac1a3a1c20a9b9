# SPDX-License-Identifier: AGPL-3.0-only
# wb_module(folder SOURCES … USES … TESTS … [LIBS …] [TEST_LIBS …])
#   SOURCES   files below the module's folder
#   USES      modules by short name; each must be allowed by cmake/layers.cmake
#   LIBS      outside libraries (host modules only)
#   TESTS     names: tests/<name>_test.c becomes the ctest <module>_<name>

set(WB_WARNINGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
    -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough -Werror)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # clang has no such warning
    list(APPEND WB_WARNINGS -Wno-format-truncation)
endif()

function(wb_sanitize target)
    if(WB_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${WB_SANITIZE} -fno-sanitize-recover=all
            -fno-omit-frame-pointer)
        target_link_options(${target} PUBLIC -fsanitize=${WB_SANITIZE})
    endif()
    if(WB_FUZZ)
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
endfunction()

function(wb_module folder)
    cmake_parse_arguments(M "" "" "SOURCES;USES;TESTS;LIBS;TEST_LIBS" ${ARGN})
    get_filename_component(name ${folder} NAME)
    foreach(used ${M_USES})
        if(NOT used IN_LIST WB_MAY_USE_${folder})
            message(FATAL_ERROR "${folder} uses ${used}, which cmake/layers.cmake does not allow: "
                "dependencies point down only")
        endif()
    endforeach()
    add_library(wb_${name} STATIC ${M_SOURCES})
    target_include_directories(wb_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}
        PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    target_compile_options(wb_${name} PRIVATE ${WB_WARNINGS})
    if(NOT folder MATCHES "^core/" AND NOT WB_BOARD)
        target_compile_definitions(wb_${name} PRIVATE _GNU_SOURCE)
    endif()
    wb_sanitize(wb_${name})
    foreach(used ${M_USES})
        target_link_libraries(wb_${name} PUBLIC wb_${used})
    endforeach()
    target_link_libraries(wb_${name} PUBLIC ${M_LIBS})
    if(NOT WB_TESTS)
        return()
    endif()
    foreach(test ${M_TESTS})
        add_executable(${name}_${test}_test tests/${test}_test.c)
        target_compile_options(${name}_${test}_test PRIVATE ${WB_WARNINGS})
        target_compile_definitions(${name}_${test}_test PRIVATE _GNU_SOURCE
            WB_SHARED_DIR="${WB_SHARED_DIR}")
        target_include_directories(${name}_${test}_test PRIVATE src ${CMAKE_SOURCE_DIR}/tests/lib)
        wb_sanitize(${name}_${test}_test)
        target_link_libraries(${name}_${test}_test PRIVATE wb_${name} ${M_TEST_LIBS} cmocka)
        add_test(NAME ${name}_${test} COMMAND ${name}_${test}_test
            WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
        set_tests_properties(${name}_${test} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
    endforeach()
endfunction()

# Which modules a build contains: a board takes core and its own folder, the host the rest.
function(wb_add_modules)
    foreach(folder ${WB_MODULES})
        if(WB_ONLY AND NOT folder IN_LIST WB_ONLY)
            continue()
        endif()
        if(WB_BOARD AND NOT folder MATCHES "^(core/|boards/common$|boards/${WB_BOARD}$)")
            continue()
        endif()
        if(NOT WB_BOARD AND folder MATCHES "^boards/(hifive1|cortex-m)$")
            continue()
        endif()
        if(folder STREQUAL "fuzz" AND NOT WB_TESTS AND NOT WB_FUZZ)
            continue()
        endif()
        if(EXISTS ${CMAKE_SOURCE_DIR}/${folder}/CMakeLists.txt)
            add_subdirectory(${folder})
        endif()
    endforeach()
endfunction()
