# The compiler settings that all of our own targets share.

option(FXP_WARNINGS_AS_ERRORS "Warnings in our own sources are errors" OFF)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # A precompiled header holds the times of its headers: without these, ccache keeps nothing that uses one.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
# GCC keeps the line that names a precompiled header, and clang leaves the time out of it, so that ccache can tell them apart.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

if(FXP_SANITIZE)
    # vptr: the libraries that our classes derive from are built without it.
    add_compile_options(-fsanitize=${FXP_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer -g1)
    add_link_options(-fsanitize=${FXP_SANITIZE})
endif()

if(FXP_FUZZ)
    # Coverage of our own sources; the targets themselves have libFuzzer's main.
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

add_link_options(LINKER:--version-script=${CMAKE_CURRENT_LIST_DIR}/executable_symbols.map)

function(fxp_target name)
    target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
    # `slots` is a name in our own structs, too.
    target_compile_definitions(${name} PRIVATE QT_NO_KEYWORDS)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wconversion -Wno-sign-conversion
        $<$<BOOL:${FXP_WARNINGS_AS_ERRORS}>:-Werror>)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        # False alarms about std::string concatenation (GCC bug 105651).
        target_compile_options(${name} PRIVATE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
    endif()
endfunction()
