"""Writes the ONNX files of tst_onnx. Needs onnx and numpy from PyPI. Expected outputs are NumPy's, in float64 and after
ONNX's definitions of the operators; no runtime is asked."""
import json

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

rng = np.random.default_rng(7)
cases = {}


def f32(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def value(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, tensors=(), feeds=None, want=None, slots=(), opset=17, functions=(), domains=()):
    graph = h.make_graph(nodes, name, inputs, outputs, [nh.from_array(a, n) if isinstance(a, np.ndarray) else a for n, a in dict(tensors).items()])
    opsets = [h.make_opsetid("", opset)] + [h.make_opsetid(d, 1) for d in domains]
    model = h.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)
    with open(name + ".onnx", "wb") as file:
        file.write(model.SerializeToString())
    if want is None:
        return
    np.savez(name + ".inputs.npz", **(feeds or {}))
    np.savez(name + ".outputs.npz", **{f"output_{i}": a.astype(np.float32) if a.dtype.kind == "f" else a for i, a in enumerate(want)})
    cases[name] = {"slots": list(slots)}


def scopes():
    """Names as PyTorch's older exporter writes them: the layer's weight is turned around and has lost its name."""
    w, b, w2, x = f32(4, 6), f32(6), f32(6, 3), f32(5, 2, 4)
    nodes = [h.make_node("MatMul", ["x", "onnx::MatMul_9"], ["a"], "/body/layers.0/fc/MatMul"),
             h.make_node("Add", ["body.layers.0.fc.bias", "a"], ["b"], "/body/layers.0/fc/Add"),
             h.make_node("Relu", ["b"], ["c"], "/body/layers.0/act/Relu"),
             h.make_node("MatMul", ["c", "onnx::MatMul_10"], ["d"], "/head/head.0/MatMul"),
             h.make_node("Mul", ["d", "scale"], ["y"], "/Mul")]
    want = np.maximum(x.astype(float) @ w + b, 0) @ w2 * 0.5
    save("scopes", nodes, [value("x", ["n", 2, 4])], [value("y", ["n", 2, 3])],
         {"onnx::MatMul_9": w, "body.layers.0.fc.bias": b, "onnx::MatMul_10": w2, "scale": np.array(0.5, np.float32)}, {"x": x}, [want],
         ["body.layers.0.fc.input", "body.layers.0.fc.weight", "body.layers.0.fc.bias", "body.layers.0.act.activation", "head.0.weight"])


def weight_names():
    """Nodes without names: the weight's name says which module it is."""
    w, b, x = f32(3, 2, 3), f32(3), f32(4, 2, 9)
    y = np.zeros((4, 3, 5))
    pad = np.pad(x.astype(float), ((0, 0), (0, 0), (1, 2)))
    for i in range(5):
        y[:, :, i] = np.einsum("nck,ock->no", pad[:, :, 2 * i:2 * i + 3], w) + b
    save("weight_names", [h.make_node("Conv", ["x", "features.0.weight", "features.0.bias"], ["y"], pads=[1, 2], strides=[2])],
         [value("x", ["n", 2, 9])], [value("y", None)], {"features.0.weight": w, "features.0.bias": b}, {"x": x}, [y],
         ["features.0.weight", "features.0.activation"], opset=11)


def shapes_from_shapes():
    """A batch's size goes through Shape, Gather and Concat into Reshape."""
    x = f32(6, 2, 3, 4)
    nodes = [h.make_node("Shape", ["x"], ["s"]), h.make_node("Gather", ["s", "zero"], ["n"]),
             h.make_node("Unsqueeze", ["n", "axis"], ["n1"]), h.make_node("Concat", ["n1", "rest"], ["shape"], axis=0),
             h.make_node("Reshape", ["x", "shape"], ["r"]), h.make_node("ReduceSum", ["r", "last"], ["y"], keepdims=0)]
    save("shapes_from_shapes", nodes, [value("x", ["n", 2, 3, 4])], [value("y", None)],
         {"zero": np.array(0), "axis": np.array([0]), "rest": np.array([4, -1]), "last": np.array([-1])}, {"x": x},
         [x.astype(float).reshape(6, 4, 6).sum(-1)])


def lstm_reference(x, w, r, b, h0, c0, p=None, f=sigmoid):
    H = h0.shape[-1]
    ys = []
    for t in range(x.shape[0]):
        g = x[t] @ w.T + h0 @ r.T + b[:4 * H] + b[4 * H:]
        i, o, ff, c = (g[:, k * H:(k + 1) * H] for k in range(4))
        if p is not None:
            i, ff = i + p[:H] * c0, ff + p[2 * H:] * c0
        c0 = f(ff) * c0 + f(i) * np.tanh(c)
        o = o + p[H:2 * H] * c0 if p is not None else o
        h0 = f(o) * np.tanh(c0)
        ys.append(h0)
    return np.stack(ys), h0, c0


def lstms():
    x, w, r, b, p = f32(5, 3, 4), f32(2, 24, 4, scale=.5), f32(2, 24, 6, scale=.5), f32(2, 48, scale=.3), f32(1, 18)
    zero = np.zeros((3, 6))
    one = lstm_reference(x.astype(float), w[0], r[0], b[0], zero, zero)
    two = lstm_reference(x[::-1].astype(float), w[1], r[1], b[1], zero, zero)
    y = np.stack([one[0], two[0][::-1]], 1)
    nodes = [h.make_node("LSTM", ["x", "w", "r", "b"], ["y", "h", "c"], "/rnn/LSTM", hidden_size=6, direction="bidirectional")]
    save("lstm", nodes, [value("x", [5, "n", 4])], [value("y", None), value("h", None), value("c", None)], {"w": w, "r": r, "b": b},
         {"x": x}, [y, np.stack([one[1], two[1]]), np.stack([one[2], two[2]])], ["rnn.l0.w_ih.weight", "rnn.l0_reverse.w_hh.weight", "rnn.l0.output"])
    # Peepholes: no recurrent layer has them, so it runs step by step.
    y, hn, cn = lstm_reference(x.astype(float), w[0], r[0], b[0], zero, zero, p[0])
    nodes = [h.make_node("LSTM", ["x", "w", "r", "b", "", "", "", "p"], ["y", "h", "c"], hidden_size=6)]
    save("lstm_peepholes", nodes, [value("x", [5, "n", 4])], [value("y", None), value("h", None), value("c", None)],
         {"w": w[:1], "r": r[:1], "b": b[:1], "p": p}, {"x": x}, [y[:, None], hn[None], cn[None]])


def gru():
    """Reset before the product, and sequences of different lengths."""
    x, w, r, b, H = f32(4, 3, 2), f32(1, 9, 2), f32(1, 9, 3), f32(1, 18), 3
    lengths = np.array([4, 2, 3], np.int32)
    state, ys = np.zeros((3, H)), []
    for t in range(4):
        gx, wb, rb = x[t].astype(float) @ w[0].T, b[0][:9], b[0][9:]
        z = sigmoid(gx[:, :H] + state @ r[0][:H].T + wb[:H] + rb[:H])
        reset = sigmoid(gx[:, H:2 * H] + state @ r[0][H:2 * H].T + wb[H:2 * H] + rb[H:2 * H])
        new = np.tanh(gx[:, 2 * H:] + (reset * state) @ r[0][2 * H:].T + wb[2 * H:] + rb[2 * H:])
        runs = (t < lengths)[:, None]
        now = (1 - z) * new + z * state
        ys.append(np.where(runs, now, 0))
        state = np.where(runs, now, state)
    save("gru", [h.make_node("GRU", ["x", "w", "r", "b", "lengths"], ["y", "h"], hidden_size=3)], [value("x", [4, 3, 2])],
         [value("y", None), value("h", None)], {"w": w, "r": r, "b": b, "lengths": lengths}, {"x": x}, [np.stack(ys)[:, None], state[None]])


def control():
    x = f32(6, 3)
    body = h.make_graph([h.make_node("Add", ["carried", "x"], ["next"]), h.make_node("Identity", ["go"], ["goes"]),
                         h.make_node("Mul", ["next", "next"], ["square"])], "body",
                        [value("i", [], T.INT64), value("go", [], T.BOOL), value("carried", None)],
                        [value("goes", [], T.BOOL), value("next", None), value("square", None)])
    twice = h.make_graph([h.make_node("Add", ["x", "x"], ["t"])], "then", [], [value("t", None)])
    same = h.make_graph([h.make_node("Identity", ["x"], ["e"])], "else", [], [value("e", None)])
    nodes = [h.make_node("Loop", ["trips", "", "x"], ["last", "squares"], body=body), h.make_node("Shape", ["x"], ["s"]),
             h.make_node("Size", ["s"], ["rank"]), h.make_node("Equal", ["rank", "two"], ["is2"]),
             h.make_node("If", ["is2"], ["either"], then_branch=twice, else_branch=same)]
    d = x.astype(float)
    save("control", nodes, [value("x", ["n", 3])], [value("last", None), value("squares", None), value("either", None)],
         {"trips": np.array(3), "two": np.array(2)}, {"x": x}, [4 * d, np.stack([(2 * d) ** 2, (3 * d) ** 2, (4 * d) ** 2]), 2 * d])


def functions():
    """A function of the file's own, with an attribute of its call."""
    body = [h.make_node("LeakyRelu", ["a"], ["m"]), h.make_node("Add", ["m", "a"], ["b"])]
    ref = body[0].attribute.add()
    ref.name, ref.ref_attr_name, ref.type = "alpha", "slope", 1
    function = h.make_function("own", "Twice", ["a"], ["b"], body, [h.make_opsetid("", 17)], ["slope"])
    x = f32(5, 4)
    save("functions", [h.make_node("Twice", ["x"], ["y"], domain="own", slope=0.25)], [value("x", ["n", 4])], [value("y", None)], {},
         {"x": x}, [np.where(x < 0, 0.25 * x.astype(float), x) + x], functions=[function], domains=["own"])


def types():
    half = f32(4).astype(np.float16)
    brain = h.make_tensor("brain", T.BFLOAT16, [2], np.array([0x3F80, 0xC040], np.uint16).tobytes(), raw=True)  # 1, −3
    x, k = f32(3, 4), rng.integers(0, 250, (3, 4)).astype(np.int64)
    nodes = [h.make_node("Cast", ["half"], ["h32"], to=T.FLOAT), h.make_node("Mul", ["x", "h32"], ["a"]),
             h.make_node("Cast", ["brain"], ["b32"], to=T.FLOAT), h.make_node("Slice", ["x", "s", "e", "ax"], ["two"]),
             h.make_node("Mul", ["two", "b32"], ["b"]), h.make_node("Cast", ["k"], ["k8"], to=T.UINT8),
             h.make_node("Add", ["k8", "k8"], ["c"]), h.make_node("Greater", ["x", "zero"], ["d"])]
    save("types", nodes, [value("x", ["n", 4]), value("k", ["n", 4], T.INT32)],
         [value("a", None), value("b", None), value("c", None, T.UINT8), value("d", None, T.BOOL)],
         {"half": half, "brain": brain, "s": np.array([0]), "e": np.array([2]), "ax": np.array([1]), "zero": np.array(0, np.float32)},
         {"x": x, "k": k}, [x.astype(float) * half, x[:, :2].astype(float) * [1, -3], 2 * k % 256, x > 0])


def constants():
    """No input at all; the result is a number, and integers."""
    nodes = [h.make_node("ReduceSum", ["w"], ["y"], keepdims=0), h.make_node("Range", ["a", "b", "c"], ["r"])]
    w = f32(3, 2)
    save("constants", nodes, [], [value("y", []), value("r", None, T.INT64)],
         {"w": w, "a": np.array(2), "b": np.array(11), "c": np.array(3)}, {}, [w.astype(float).sum(), np.array([2, 5, 8])])


def quantized():
    x = f32(4, 3, scale=3)
    nodes = [h.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), h.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    q = np.clip(np.rint(x.astype(float) / 0.0625), -128, 127) * 0.0625
    save("quantized", nodes, [value("x", ["n", 3])], [value("y", None)], {"s": np.array(0.0625, np.float32), "z": np.array(0, np.int8)}, {"x": x}, [q])


def qdq():
    """Quantizers as runtimes' tools write them: the float model has no rounding, and slots have the formats."""
    own = np.random.default_rng(11)
    wq, bq, w2q = own.integers(-127, 128, (4, 3, 3, 3)), own.integers(-500, 500, 4), own.integers(0, 256, (5, 256))
    ws, x = np.array([.01, .02, .005, .015], np.float32), own.standard_normal((3, 3, 8, 8)).astype(np.float32)
    tensors = {"wq": wq.astype(np.int8), "ws": ws, "wz": np.zeros(4, np.int8), "bq": bq.astype(np.int32), "bs": np.float32([.0004]),
               "w2q": w2q.astype(np.uint8), "w2s": np.array(.01, np.float32), "w2z": np.array(128, np.uint8)}
    nodes = []

    def pair(name, scale, zero):
        tensors.update({name + "_s": np.array(scale, np.float32), name + "_z": zero})
        nodes.append(h.make_node("QuantizeLinear", [name, name + "_s", name + "_z"], [name + "_q"]))
        nodes.append(h.make_node("DequantizeLinear", [name + "_q", name + "_s", name + "_z"], [name + "_d"]))

    pair("x", .03, np.array(-3, np.int8))
    nodes += [h.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], axis=0), h.make_node("DequantizeLinear", ["bq", "bs"], ["bd"]),
              h.make_node("Conv", ["x_d", "wd", "bd"], ["c"], "/conv/Conv", pads=[1, 1, 1, 1]), h.make_node("Relu", ["c"], ["r"], "/act/Relu")]
    pair("r", 1 / 16, np.array(0, np.uint8))
    nodes += [h.make_node("Flatten", ["r_d"], ["f"]), h.make_node("DequantizeLinear", ["w2q", "w2s", "w2z"], ["w2"]),
              h.make_node("Gemm", ["f", "w2"], ["g"], "/fc/Gemm", transB=1)]
    pair("g", 1 / 2, np.array(0, np.int8))

    def run(quantize):
        w, b = wq * ws.astype(float)[:, None, None, None], bq * float(tensors["bs"][0])
        a = np.pad(quantize(x.astype(float), "x", -128, 127), ((0, 0), (0, 0), (1, 1), (1, 1)))
        y = np.zeros((3, 4, 8, 8))
        for i in range(8):
            for j in range(8):
                y[:, :, i, j] = np.einsum("nckl,ockl->no", a[:, :, i:i + 3, j:j + 3], w) + b
        y = quantize(np.maximum(y, 0), "r", 0, 255).reshape(3, -1)
        return quantize(y @ ((w2q - 128) * float(tensors["w2s"])).T, "g", -128, 127)

    def on_grid(v, name, low, high):
        scale, zero = float(tensors[name + "_s"]), float(tensors[name + "_z"])
        return (np.clip(np.rint(v / scale) + zero, low, high) - zero) * scale

    save("qdq", nodes, [value("x", ["n", 3, 8, 8])], [value("g_d", None)], tensors, {"x": x}, [run(lambda v, *_: v)],
         ["conv.input", "fc.weight"], opset=13)
    np.savez("qdq.fixed.npz", output_0=run(on_grid).astype(np.float32))


def qonnx():
    """QONNX's Quant: unsigned, of few bits, narrow; the last has no slot and stays what it computes."""
    own = np.random.default_rng(12)
    w, x = own.standard_normal((4, 6)).astype(np.float32), own.standard_normal((5, 4)).astype(np.float32)
    tensors = {"w": w, "sw": np.array(.125, np.float32), "sx": np.array(.3, np.float32), "z": np.array(0, np.float32),
               "four": np.array(4, np.float32), "three": np.array(3, np.float32)}
    quant = dict(domain="qonnx.custom_op.general", rounding_mode="ROUND")
    nodes = [h.make_node("Quant", ["x", "sx", "z", "three"], ["xq"], signed=0, narrow=0, **quant),
             h.make_node("Quant", ["w", "sw", "z", "four"], ["wq"], signed=1, narrow=1, **quant),
             h.make_node("MatMul", ["xq", "wq"], ["y"], "/fc/MatMul")]
    save("qonnx", nodes, [value("x", ["n", 4])], [value("y", None)], tensors, {"x": x}, [x.astype(float) @ w], ["fc.input", "fc.weight"],
         domains=["qonnx.custom_op.general"])
    fixed = np.clip(np.rint(x / .3), 0, 7) * .3 @ (np.clip(np.rint(w / .125), -7, 7) * .125)
    np.savez("qonnx.fixed.npz", output_0=fixed.astype(np.float32))


def unordered():
    """Nodes stand before those whose results they read."""
    x = f32(3, 2)
    nodes = [h.make_node("Neg", ["b"], ["y"]), h.make_node("Exp", ["a"], ["b"]), h.make_node("Relu", ["x"], ["a"])]
    save("unordered", nodes, [value("x", ["n", 2])], [value("y", None)], {}, {"x": x}, [-np.exp(np.maximum(x.astype(float), 0))])


def lstm_loop():
    """A recurrent layer as a Loop: each turn has the same slots. The body has a name of its own that the graph has too."""
    x, w, r, b = f32(4, 2, 3), f32(3, 8, scale=.5), f32(2, 8, scale=.5), f32(8)
    body = h.make_graph(
        [h.make_node("Gather", ["x", "i"], ["xi"], axis=0), h.make_node("MatMul", ["xi", "w"], ["gx"]), h.make_node("MatMul", ["h", "r"], ["gh"]),
         h.make_node("Add", ["gx", "gh"], ["gs"]), h.make_node("Add", ["gs", "b"], ["g"]), h.make_node("Split", ["g"], ["i1", "f1", "g1", "o1"], axis=1),
         h.make_node("Sigmoid", ["i1"], ["i2"]), h.make_node("Sigmoid", ["f1"], ["f2"]), h.make_node("Tanh", ["g1"], ["g2"]),
         h.make_node("Sigmoid", ["o1"], ["o2"]), h.make_node("Mul", ["f2", "c"], ["fc"]), h.make_node("Mul", ["i2", "g2"], ["ig"]),
         h.make_node("Add", ["fc", "ig"], ["c2"]), h.make_node("Tanh", ["c2"], ["tc"]), h.make_node("Mul", ["o2", "tc"], ["h2"]),
         h.make_node("Identity", ["go"], ["goes"]), h.make_node("Identity", ["h2"], ["y"])], "body",
        [value("i", [], T.INT64), value("go", [], T.BOOL), value("h", None), value("c", None)],
        [value("goes", [], T.BOOL), value("h2", None), value("c2", None), value("y", None)])
    nodes = [h.make_node("Shape", ["x"], ["s"]), h.make_node("Gather", ["s", "first"], ["steps"], axis=0),
             h.make_node("Loop", ["steps", "", "zero", "zero"], ["hn", "cn", "y"], "/rnn/Loop", body=body)]
    hn, cn, ys = np.zeros((2, 2)), np.zeros((2, 2)), []
    for t in range(4):
        i, f, g, o = np.split(x[t].astype(float) @ w + hn @ r + b, 4, 1)
        cn = sigmoid(f) * cn + sigmoid(i) * np.tanh(g)
        hn = sigmoid(o) * np.tanh(cn)
        ys.append(hn)
    save("lstm_loop", nodes, [value("x", ["t", 2, 3])], [value("y", None), value("hn", None)],
         {"w": w, "r": r, "b": b, "zero": np.zeros((2, 2), np.float32), "first": np.array(0)}, {"x": x}, [np.stack(ys), hn],
         ["rnn.weight", "rnn.mul.input_1", "rnn.mul_2.activation"])


def window_sums(x, kernel, stride, dilation, before, after, ceil):
    """Sums and numbers of elements (of the input, and with the padding) of the windows of x's last two dimensions."""
    height, width = x.shape[2:]
    counts = []
    for size, k, s, d, b, a in zip((height, width), kernel, stride, dilation, before, after):
        room = size + b + a - (k - 1) * d - 1
        count = -(-room // s) + 1 if ceil else room // s + 1
        counts.append(count - 1 if (count - 1) * s >= size + b else count)
    sums = np.zeros(x.shape[:2] + tuple(counts))
    inside = np.zeros(counts)
    padded = np.zeros(counts)
    for i in range(counts[0]):
        for j in range(counts[1]):
            for m in range(kernel[0]):
                for n in range(kernel[1]):
                    p = i * stride[0] + m * dilation[0] - before[0]
                    q = j * stride[1] + n * dilation[1] - before[1]
                    padded[i, j] += p < height + after[0] and q < width + after[1]
                    if 0 <= p < height and 0 <= q < width:
                        sums[:, :, i, j] += x[:, :, p, q]
                        inside[i, j] += 1
    return sums, inside, padded


def pooling():
    """Windows with dilations, and windows that reach beyond the padding."""
    x = f32(2, 3, 7, 8)
    common = {"kernel_shape": [2, 3], "dilations": [2, 2], "strides": [2, 1], "pads": [1, 0, 0, 2]}
    nodes = [h.make_node("AveragePool", ["x"], ["a"], **common, ceil_mode=1),
             h.make_node("AveragePool", ["x"], ["b"], **common, ceil_mode=1, count_include_pad=1),
             h.make_node("LpPool", ["x"], ["c"], p=3, kernel_shape=[3, 2], strides=[3, 3], ceil_mode=1),
             h.make_node("LpPool", ["x"], ["d"], p=1, **common),
             h.make_node("Reshape", ["x", "flat"], ["rows"]),
             h.make_node("AveragePool", ["rows"], ["e"], kernel_shape=[3], dilations=[4])]
    sums, inside, padded = window_sums(x, (2, 3), (2, 1), (2, 2), (1, 0), (0, 2), True)
    cubes, _, _ = window_sums(np.abs(x.astype(float)) ** 3, (3, 2), (3, 3), (1, 1), (0, 0), (0, 0), True)
    ones, _, _ = window_sums(np.abs(x), (2, 3), (2, 1), (2, 2), (1, 0), (0, 2), False)
    rows = x.reshape(2, 3, 56)
    e = (rows[:, :, :-8].astype(float) + rows[:, :, 4:-4] + rows[:, :, 8:]) / 3
    save("pooling", nodes, [value("x", ["n", 3, 7, 8])], [value(name, None) for name in "abcde"],
         {"flat": np.array([0, 3, -1], np.int64)}, {"x": x}, [sums / inside, sums / padded, cubes ** (1 / 3), ones, e], opset=19)


def resized():
    """A scale of 0.7 in float32: 10 becomes 7 elements, as the product in float32 is."""
    x = f32(1, 1, 10, 10)
    places = [min(9, int(i / np.float32(0.7))) for i in range(7)]
    nodes = [h.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")]
    save("resized", nodes, [value("x", ["n", 1, 10, 10])], [value("y", None)],
         {"scales": np.array([1, 1, 0.7, 0.7], np.float32)}, {"x": x}, [x[:, :, places][:, :, :, places]])


def blocks():
    """A scale for every two rows, or for every three columns of which the last are fewer."""
    x = f32(4, 5, scale=20)
    q = rng.integers(-128, 128, (4, 5)).astype(np.int8)
    rows, columns = np.abs(f32(2, 5)) + np.float32(0.1), np.abs(f32(4, 2)) + np.float32(0.1)
    zeros = rng.integers(-9, 9, (4, 2)).astype(np.int8)
    wide_rows = np.repeat(rows, 2, 0)
    wide_columns, wide_zeros = np.repeat(columns, 3, 1)[:, :5], np.repeat(zeros, 3, 1)[:, :5].astype(float)
    nodes = [h.make_node("QuantizeLinear", ["x", "rows", "none"], ["a"], axis=0, block_size=2),
             h.make_node("DequantizeLinear", ["q", "columns", "zeros"], ["b"], axis=1, block_size=3),
             h.make_node("Add", ["x", "b"], ["c"])]
    want = [np.clip(np.rint(x / wide_rows), -128, 127).astype(np.int8), x + (q - wide_zeros) * wide_columns]
    save("blocks", nodes, [value("x", [4, 5])], [value("a", [4, 5], T.INT8), value("c", [4, 5])],
         {"rows": rows, "columns": columns, "zeros": zeros, "none": np.zeros((2, 5), np.int8), "q": q}, {"x": x}, want, opset=21)


def external(name, location, offset, length, data=None):
    tensor = nh.from_array(np.zeros((2, 3), np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = T.EXTERNAL
    for key, entry in (("location", location), ("offset", str(offset)), ("length", str(length))):
        item = tensor.external_data.add()
        item.key, item.value = key, entry
    x = f32(4, 2)
    node = [h.make_node("MatMul", ["x", "w"], ["y"])]
    want = None if data is None else [x.astype(float) @ data]
    save(name, node, [value("x", ["n", 2])], [value("y", None)], {"w": tensor}, {"x": x}, want)


def bad():
    """Each must be refused by an error that says what is wrong: tst_onnx has the words."""
    x, y = [value("x", [1, 2])], [value("y", None)]
    save("bad_cycle", [h.make_node("Add", ["x", "b"], ["a"]), h.make_node("Relu", ["a"], ["b"]), h.make_node("Relu", ["a"], ["y"])], x, y)
    save("bad_missing", [h.make_node("Add", ["x", "nowhere"], ["y"])], x, y)
    save("bad_twice", [h.make_node("Relu", ["x"], ["y"]), h.make_node("Abs", ["x"], ["y"])], x, y)
    save("bad_domain", [h.make_node("FancyGate", ["x"], ["y"], "/gate/FancyGate", domain="com.vendor")], x, y, domains=["com.vendor"])
    save("bad_operator", [h.make_node("Bernoulli", ["x"], ["y"])], x, y)
    huge = T(name="w", data_type=T.FLOAT, dims=[1 << 40, 1 << 40])
    save("bad_size", [h.make_node("Add", ["x", "w"], ["y"])], x, y, {"w": huge})
    negative = T(name="w", data_type=T.FLOAT, dims=[-1])
    save("bad_negative", [h.make_node("Add", ["x", "w"], ["y"])], x, y, {"w": negative})
    short = T(name="w", data_type=T.FLOAT, dims=[2, 3], raw_data=b"1234")
    save("bad_bytes", [h.make_node("Add", ["x", "w"], ["y"])], x, y, {"w": short})
    save("bad_double", [h.make_node("Add", ["x", "w"], ["y"])], x, y, {"w": np.array([1e300, 1.0])})
    save("bad_text", [h.make_node("Identity", ["w"], ["y"])], x, y, {"w": h.make_tensor("w", T.STRING, [1], [b"a"])})
    save("bad_shape", [h.make_node("ConstantOfShape", ["w"], ["y"])], x, y, {"w": np.array([1 << 40, 1 << 40])})
    external("bad_external_above", "../onnx/external.bin", 8, 24)
    external("bad_external_absolute", "/etc/hostname", 0, 24)
    external("bad_external_short", "external.bin", 16, 24)
    external("bad_external_lost", "lost.bin", 0, 24)


scopes()
weight_names()
shapes_from_shapes()
lstms()
gru()
control()
functions()
types()
constants()
quantized()
qdq()
qonnx()
weights = f32(2, 3)
with open("external.bin", "wb") as out:
    out.write(b"\0" * 8 + weights.tobytes())
external("external", "external.bin", 8, 24, weights)
bad()
unordered()
lstm_loop()
pooling()
resized()
blocks()
with open("cases.json", "w") as out:
    json.dump(cases, out, indent=1)
