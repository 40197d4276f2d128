# The compiler settings that all of our own targets share.

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

if(FXP_SANITIZE)
    # vptr: the libraries that our classes derive from are built without it.
    add_compile_options(-fsanitize=${FXP_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer -g1)
    add_link_options(-fsanitize=${FXP_SANITIZE})
endif()

function(fxp_target name)
    target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
    # `slots` is a name in our own structs, too.
    target_compile_definitions(${name} PRIVATE QT_NO_KEYWORDS)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wconversion -Wno-sign-conversion)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        # False alarms about std::string concatenation (GCC bug 105651).
        target_compile_options(${name} PRIVATE -Wno-restrict -Wno-stringop-overflow)
    endif()
endfunction()
