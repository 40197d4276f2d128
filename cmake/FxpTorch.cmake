# LibTorch as one target, fxp_torch: its headers are system headers, so that our warnings are about our own code, and its
# compile options are not taken over (the wheel's set a C++ standard).

find_package(Torch REQUIRED)
message(STATUS "LibTorch ${Torch_VERSION} in ${TORCH_INSTALL_PREFIX}")

add_library(fxp_torch INTERFACE)
target_include_directories(fxp_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(fxp_torch INTERFACE ${TORCH_LIBRARIES})
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND Torch_VERSION VERSION_LESS 2)
    target_compile_options(fxp_torch INTERFACE "SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/clang_vector.h")
endif()
