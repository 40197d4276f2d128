# ONNX's message classes as one target to link, fxp_onnx: the semantics of its operators are ours (quant/import/onnx).

find_package(Protobuf REQUIRED)
find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)

add_library(fxp_onnx INTERFACE)
target_link_libraries(fxp_onnx INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
