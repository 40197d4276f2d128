# ONNX's message classes as one target to link, fxp_onnx: the semantics of its operators are ours (quant/import/onnx).

find_package(Protobuf REQUIRED)
find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)

add_library(fxp_onnx INTERFACE)
target_link_libraries(fxp_onnx INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)

# PyPI's LibTorch has headers of another protobuf among its own: sources that read ONNX messages look into this folder
# first (fxp_onnx_sources).
set(FXP_PROTOBUF_HEADERS "")
foreach(folder IN LISTS TORCH_INCLUDE_DIRS)
    if(EXISTS ${folder}/google/protobuf)
        set(FXP_PROTOBUF_HEADERS ${CMAKE_BINARY_DIR}/protobuf)
    endif()
endforeach()
if(FXP_PROTOBUF_HEADERS)
    file(MAKE_DIRECTORY ${FXP_PROTOBUF_HEADERS})
    find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h REQUIRED) # with the protobuf that it was made for beside it
    file(CREATE_LINK ${ONNX_INCLUDE_DIR}/google ${FXP_PROTOBUF_HEADERS}/google SYMBOLIC)
endif()

# Those of the files whose path has "onnx" in it.
function(fxp_onnx_sources)
    set(files ${ARGN})
    list(FILTER files INCLUDE REGEX "onnx.*cpp$")
    if(FXP_PROTOBUF_HEADERS)
        set_source_files_properties(${files} PROPERTIES INCLUDE_DIRECTORIES ${FXP_PROTOBUF_HEADERS})
    endif()
endfunction()
