"""Writes the TorchScript files of this folder, their inputs, and what PyTorch computes from them.

    python make.py FOLDER      (made with PyTorch 2.13)

Each case is a small network, NAME.traced.pt and NAME.scripted.pt, with NAME.npz: its inputs by name, and the results as
output_0, …. cases.json says which layers the files are to be recognised as.
"""

import inspect
import json
import sys

import numpy
import torch
from torch import nn

torch.manual_seed(0)
folder = sys.argv[1]
layers = {}
E, B, T, S = 16, 3, 5, 7


def save(name, network, inputs, expected):
    network = network.eval()
    with torch.no_grad():
        results = network(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    names = list(inspect.signature(network.forward).parameters)
    arrays = dict(zip(names, (x.numpy() for x in inputs)))
    arrays.update({f"output_{i}": y.numpy() for i, y in enumerate(results)})
    numpy.savez(f"{folder}/{name}.npz", **arrays)
    torch.jit.trace(network, inputs, check_trace=False).save(f"{folder}/{name}.traced.pt")
    torch.jit.script(network).save(f"{folder}/{name}.scripted.pt")
    layers[name] = {"inputs": names, "layers": expected}


class Attention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.att = nn.MultiheadAttention(E, 4, **options)


class SelfWeights(Attention):
    def forward(self, x):
        y, weights = self.att(x, x, x, average_attn_weights=False)
        return y, weights


class Masked(Attention):
    def forward(self, x, mask):
        return self.att(x, x, x, attn_mask=mask, need_weights=False)[0]


class Causal(Attention):
    def forward(self, x, mask):
        return self.att(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)[0]


class Padded(Attention):
    def forward(self, x, padding):
        return self.att(x, x, x, key_padding_mask=padding)[0]


class BothMasks(Attention):
    def forward(self, x, mask, padding):
        return self.att(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]


class Cross(Attention):
    def forward(self, x, key, value):
        y, weights = self.att(x, key, value)
        return y, weights


x = torch.randn(B, T, E)
causal = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
padding = torch.zeros(B, T, dtype=torch.bool)
padding[0, 3:] = True
added = torch.zeros(B, T).masked_fill(padding, -30.0)
attention = {"att": "multihead_attention"}
save("attention_time_first", SelfWeights(), (x,), attention)
save("attention_unbatched", SelfWeights(batch_first=True), (x[0],), attention)
save("attention_bool_mask", Masked(batch_first=True), (x, causal), attention)
save("attention_mask_by_head", Masked(batch_first=True), (x, torch.randn(B * 4, T, T)), attention)
save("attention_causal", Causal(batch_first=True), (x, causal), attention)
save("attention_square_padding", Padded(batch_first=True), (torch.randn(T, T, E), torch.rand(T, T) > 0.7), attention)
save("attention_both_masks", BothMasks(batch_first=True), (x, causal, padding), attention)
save("attention_appended_rows", BothMasks(batch_first=True, add_bias_kv=True, add_zero_attn=True),
     (x, torch.randn(T, T), added), attention)
save("attention_kdim_vdim", Cross(batch_first=True, kdim=6, vdim=10),
     (x, torch.randn(B, S, 6), torch.randn(B, S, 10)), attention)


class Decoder(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.dec = nn.TransformerDecoderLayer(E, 4, 24, batch_first=True, **options)


class PlainDecoder(Decoder):
    def forward(self, target, memory):
        return self.dec(target, memory)


class MaskedDecoder(Decoder):
    def forward(self, target, memory, mask, padding, memory_padding):
        return self.dec(target, memory, tgt_mask=mask, tgt_key_padding_mask=padding,
                        memory_key_padding_mask=memory_padding)


class Encoder(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.enc = nn.TransformerEncoderLayer(E, 4, 24, batch_first=True, **options)

    def forward(self, x, mask, padding):
        return self.enc(x, src_mask=mask, src_key_padding_mask=padding)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Transformer(E, 2, 1, 1, 32, batch_first=True)

    def forward(self, source, target):
        return self.t(source, target)


memory = torch.randn(B, S, E)
memory_padding = torch.zeros(B, S, dtype=torch.bool)
memory_padding[1, 4:] = True
decoder = {"dec": "transformer_decoder_layer"}
save("decoder_norm_first", PlainDecoder(norm_first=True, activation="gelu"), (x, memory), decoder)
save("decoder_masks", MaskedDecoder(), (x, memory, causal, padding, memory_padding), decoder)
save("encoder_masks", Encoder(norm_first=True), (x, causal, padding), {"enc": "transformer_encoder_layer"})
save("transformer", Both(), (memory, x),
     {"t.encoder.layers.0": "transformer_encoder_layer", "t.encoder.norm": "layer_norm",
      "t.decoder.layers.0": "transformer_decoder_layer", "t.decoder.norm": "layer_norm"})


class Recurrent(nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn


class Plain(Recurrent):
    def forward(self, x):
        return self.rnn(x)[0]


class WithStates(Recurrent):
    def forward(self, x, h, c):
        y, (hn, cn) = self.rnn(x, (h, c))
        return y, hn, cn


class WithState(Recurrent):
    def forward(self, x, h):
        y, hn = self.rnn(x, h)
        return y, hn


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(E, 6)
        self.gru = nn.GRUCell(6, 6)
        self.rnn = nn.RNNCell(6, 4, nonlinearity="relu")

    def forward(self, x):
        h = torch.zeros(x.size(0), 6)
        c = torch.zeros(x.size(0), 6)
        steps = []
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
            steps.append(self.rnn(self.gru(h)))
        return torch.stack(steps, 1)


def recurrent(kind, count, both):
    names = [f"rnn.l{i}{end}" for i in range(count) for end in (["", "_reverse"] if both else [""])]
    return {name if len(names) > 1 else "rnn": kind for name in names}


time_first = x.transpose(0, 1).contiguous()
save("lstm", Plain(nn.LSTM(E, 6)), (time_first,), recurrent("lstm", 1, False))
save("lstm_unbatched_no_bias", Plain(nn.LSTM(E, 6, bias=False)), (x[0],), recurrent("lstm", 1, False))
save("lstm_projection", Plain(nn.LSTM(E, 6, num_layers=2, proj_size=3, dropout=0.5)), (time_first,),
     recurrent("lstm", 2, False))
save("lstm_everything", WithStates(nn.LSTM(E, 6, 2, bidirectional=True, proj_size=3, batch_first=True)),
     (x, torch.randn(4, B, 3), torch.randn(4, B, 6)), recurrent("lstm", 2, True))
save("gru", WithState(nn.GRU(E, 6, 2, bidirectional=True)), (time_first, torch.randn(4, B, 6)),
     recurrent("gru", 2, True))
save("gru_no_bias", Plain(nn.GRU(E, 6, bias=False, batch_first=True)), (x,), recurrent("gru", 1, False))
save("rnn_relu", WithState(nn.RNN(E, 6, 2, nonlinearity="relu", batch_first=True)), (x, torch.randn(2, B, 6)),
     recurrent("rnn", 2, False))
save("rnn_tanh", Plain(nn.RNN(E, 6, bidirectional=True)), (time_first,), recurrent("rnn", 1, True))
save("cells", Cells(), (x,), {"cell": "lstm", "gru": "gru", "rnn": "rnn", "stack": "stack"})


class Fused(nn.Module):
    def forward(self, q, k, v, mask):
        masked = nn.functional.scaled_dot_product_attention(q, k, v, mask)
        return nn.functional.scaled_dot_product_attention(masked, k, v, is_causal=True)


q = torch.randn(2, 4, T, 8)
save("fused_attention", Fused(), (q, q + 1, q - 1, torch.rand(2, 1, T, T) > 0.3),
     {"scaled_dot_product_attention": "scaled_dot_product_attention",
      "scaled_dot_product_attention_1": "scaled_dot_product_attention"})


class Chain(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.net = nn.Sequential(*modules)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean.normal_()
                module.running_var.uniform_(0.3, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias)

    def forward(self, x):
        return self.net(x)


def chain(*types):
    return {f"net.{i}": kind for i, kind in enumerate(types) if kind}


save("convolutions_1d", Chain(nn.Conv1d(3, 6, 5, stride=2, padding=2, padding_mode="circular"), nn.GroupNorm(3, 6),
                              nn.SiLU(), nn.ConvTranspose1d(6, 4, 4, stride=2), nn.InstanceNorm1d(4, affine=True),
                              nn.Hardswish(), nn.MaxPool1d(2)),
     (torch.randn(2, 3, 20),),
     chain("conv1d", "group_norm", "silu", "conv_transpose1d", "instance_norm", "hardswish", "max_pool1d"))
save("convolutions_2d", Chain(nn.ConvTranspose2d(3, 6, 3, stride=2, padding=1, output_padding=1, groups=3),
                              nn.BatchNorm2d(6), nn.Conv2d(6, 4, 4, padding="same", dilation=2), nn.LeakyReLU(0.1),
                              nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
     (torch.randn(2, 3, 8, 8),),
     chain("conv_transpose2d", "batch_norm", "conv2d", "leaky_relu", "relu6", "adaptive_avg_pool2d", None, "linear"))
save("convolutions_3d", Chain(nn.Conv3d(2, 4, 3, padding=1), nn.BatchNorm3d(4), nn.Hardsigmoid(), nn.AvgPool3d(2),
                              nn.ConvTranspose3d(4, 2, 2, stride=2)),
     (torch.randn(2, 2, 6, 6, 6),), chain("conv3d", "batch_norm", "hardsigmoid", "avg_pool3d", "conv_transpose3d"))
save("activations", Chain(nn.Linear(8, 8), nn.PReLU(8), nn.RMSNorm(8), nn.GELU(approximate="tanh"), nn.LogSoftmax(-1)),
     (torch.randn(3, 8),), chain("linear", "prelu", "rms_norm", "gelu", "log_softmax"))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 8)
        self.weight = nn.Parameter(torch.randn(8, 8))
        self.scale = nn.Parameter(torch.rand(8))

    def forward(self, x, index):
        rows = self.table(index)
        y = nn.functional.linear(x, self.weight, self.scale) + torch.matmul(x, self.weight)
        y = nn.functional.layer_norm(y, (8,), self.scale)
        z = torch.einsum("bij,jk->bik", x, self.weight)
        scores = torch.bmm(y, rows.transpose(1, 2)).softmax(-1)
        return torch.cat([scores @ rows, z], -1)


save("functional", Functional(), (torch.randn(2, T, 8), torch.randint(0, 10, (2, T))),
     {"table": "embedding", "linear": "linear", "matmul": "matmul", "add": "add", "layer_norm": "layer_norm",
      "einsum": "einsum", "bmm": "bmm", "softmax": "softmax", "matmul_1": "matmul", "cat": "cat"})

with open(f"{folder}/cases.json", "w") as file:
    json.dump(layers, file, indent=1)
    file.write("\n")
