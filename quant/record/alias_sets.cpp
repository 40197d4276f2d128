#include "quant/record/alias_sets.h"

#include "quant/core/error.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace fxp::quant {

namespace {

std::int64_t elementsOf(const c10::Storage& storage, at::ScalarType type) {
    return static_cast<std::int64_t>(storage.nbytes() / c10::elementSize(type));
}

std::int64_t product(const std::vector<std::int64_t>& sizes) {
    std::int64_t all = 1;
    for (const std::int64_t size : sizes)
        all *= size;
    return all;
}

/// Whether different elements of the view lie at different places: an expanded tensor's do not.
bool isInjective(const Layout& layout) {
    std::vector<std::pair<std::int64_t, std::int64_t>> dims; // stride, size
    for (std::size_t i = 0; i < layout.sizes.size(); ++i) {
        if (layout.sizes[i] > 1)
            dims.emplace_back(layout.strides[i], layout.sizes[i]);
    }
    std::ranges::sort(dims);
    std::int64_t reach = 0;
    for (const auto& [stride, size] : dims) {
        if (stride <= reach)
            return false;
        reach += stride * (size - 1);
    }
    return true;
}

} // namespace

Layout::Layout(const at::Tensor& tensor)
    : sizes(tensor.sizes().vec()), strides(tensor.strides().vec()), offset(tensor.storage_offset()),
      type(tensor.scalar_type()) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] <= 1)
            strides[i] = 0; // irrelevant: this dimension has no second element
    }
}

const AliasSets::Set* AliasSets::find(const at::Tensor& tensor) const {
    if (!tensor.defined() || !tensor.has_storage())
        return nullptr;
    const auto found = m_sets.find(tensor.storage().unsafeGetStorageImpl());
    return found == m_sets.end() ? nullptr : &found->second;
}

AliasSets::Set& AliasSets::setOf(const at::Tensor& tensor) {
    const auto [place, fresh] = m_sets.try_emplace(tensor.storage().unsafeGetStorageImpl());
    if (fresh) {
        place->second.storage = tensor.storage();
        place->second.number = m_created++;
    }
    return place->second;
}

AliasSets::View& AliasSets::viewOf(Set& set, const Layout& layout) {
    const auto known = std::ranges::find(set.views, layout, &View::layout);
    if (known != set.views.end())
        return *known;
    set.views.push_back({layout, {}, 0, {}});
    return set.views.back();
}

bool AliasSets::knows(const at::Tensor& tensor, std::size_t count) const {
    const Set* set = find(tensor);
    return set && set->number < count;
}

bool AliasSets::wroteToOlder(const Moment& moment) const {
    return std::any_of(m_writes.begin() + static_cast<std::ptrdiff_t>(moment.writes), m_writes.end(),
                       [&moment](std::size_t number) { return number < moment.sets; });
}

bool AliasSets::isLive(const at::Tensor& tensor) const {
    const Set* set = find(tensor);
    return set && set->live;
}

void AliasSets::bind(const at::Tensor& tensor, Value value) {
    if (!tensor.defined() || !tensor.has_storage())
        return;
    Set& set = setOf(tensor);
    if (!set.live) {
        set.live = true;
        ++set.version;
        View& view = viewOf(set, Layout(tensor));
        view.value = value;
        view.version = set.version;
        set.whole = static_cast<std::size_t>(&view - set.views.data());
        return;
    }
    View& view = viewOf(set, Layout(tensor));
    if (view.version == set.version && view.value.defined() && !m_builder.isErased(view.value))
        return; // already known: the same layout of the same memory
    view.value = value;
    view.version = set.version;
}

std::vector<at::Tensor> AliasSets::twinsOf(const at::Tensor& tensor) const {
    std::vector<at::Tensor> found;
    std::vector<const Set*> open{find(tensor)};
    std::vector<const Set*> seen = open;
    while (!open.empty()) {
        const Set* set = open.back();
        open.pop_back();
        if (!set)
            continue;
        for (const at::Tensor& twin : set->twins) {
            const Set* other = find(twin);
            if (std::ranges::find(seen, other) != seen.end())
                continue;
            seen.push_back(other);
            open.push_back(other);
            found.push_back(twin);
        }
    }
    return found;
}

at::Tensor AliasSets::bindTwin(const at::Tensor& original, Value value) {
    const Layout layout(original);
    const std::int64_t elements = elementsOf(original.storage(), layout.type);
    const at::Tensor memory = original.as_strided({elements}, {1}, 0).clone();
    const at::Tensor twin = memory.as_strided(original.sizes(), original.strides(), original.storage_offset());
    bind(twin, value);
    setOf(original).twins.push_back(memory);
    setOf(twin).twins.push_back(original.as_strided({elements}, {1}, 0));
    return twin;
}

/// The layout of the known part of the memory, the wanted layout, and the size of the memory.
Operands AliasSets::memoryOperands(const Set& set, const Layout& layout) const {
    const Layout& from = set.views[set.whole].layout;
    if (from.type != layout.type)
        throw Error("", "the model looks at one memory with two element types and writes to it",
                    "copy the tensor before it is written to");
    return {{"from_sizes", from.sizes},
            {"from_strides", from.strides},
            {"from_offset", from.offset},
            {"sizes", layout.sizes},
            {"strides", layout.strides},
            {"offset", layout.offset},
            {"elements", elementsOf(set.storage, layout.type)}};
}

Value AliasSets::read(const at::Tensor& tensor) {
    if (!tensor.defined())
        return {};
    if (!isLive(tensor))
        return m_builder.constant(tensor);
    Set& set = setOf(tensor);
    const Layout layout(tensor);
    const auto known = std::ranges::find(set.views, layout, &View::layout);
    if (known != set.views.end() && known->version == set.version && !m_builder.isErased(known->value))
        return known->value;
    Operands operands = memoryOperands(set, layout);
    operands.insert(operands.begin(), Operand(set.views[set.whole].value));
    const Value value = m_builder.call("read_memory", operands);
    View& view = viewOf(set, layout);
    view.value = value;
    view.version = set.version;
    return value;
}

void AliasSets::prepareWrite(const at::Tensor& tensor) {
    if (!tensor.has_storage())
        return;
    std::vector<at::Tensor> memories = twinsOf(tensor);
    memories.push_back(tensor);
    for (const at::Tensor& memory : memories) {
        m_builder.protect(memory.storage());
        Set& set = setOf(memory);
        m_writes.push_back(set.number);
        for (View& view : set.views)
            view.name.clear();
    }
}

void AliasSets::store(Set& set, const at::Tensor& tensor, Value value) {
    const Layout layout(tensor);
    const std::int64_t elements = elementsOf(set.storage, layout.type);
    if (product(layout.sizes) == elements && isInjective(layout)) {
        ++set.version;
        View& view = viewOf(set, layout);
        view.value = value;
        view.version = set.version;
        set.whole = static_cast<std::size_t>(&view - set.views.data());
        set.live = true;
        return;
    }
    if (!set.live) {
        // The memory held a constant until now, which stays in the part that is not written to.
        at::Tensor memory = at::empty({0}, tensor.options()).set_(set.storage, 0, {elements}, {1});
        bind(memory, m_builder.constant(memory.clone()));
    }
    Operands operands = memoryOperands(set, layout);
    operands.insert(operands.begin(), {Operand(set.views[set.whole].value), Operand(value)});
    const Value flat = m_builder.call("write_memory", operands);
    ++set.version;
    const at::Tensor memory = at::empty({0}, tensor.options()).set_(set.storage, 0, {elements}, {1});
    View& whole = viewOf(set, Layout(memory));
    whole.value = flat;
    whole.version = set.version;
    set.whole = static_cast<std::size_t>(&whole - set.views.data());
    View& written = viewOf(set, layout);
    if (isInjective(layout) && &written != &set.views[set.whole]) {
        written.value = value;
        written.version = set.version;
    }
}

void AliasSets::write(const at::Tensor& tensor, Value value) {
    store(setOf(tensor), tensor, value);
    for (const at::Tensor& memory : twinsOf(tensor)) {
        at::Tensor same = memory.as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
        same.copy_(tensor);
        store(setOf(same), same, value);
    }
}

void AliasSets::setName(const at::Tensor& tensor, const std::string& name) {
    if (!tensor.defined() || !tensor.has_storage())
        return;
    View& view = viewOf(setOf(tensor), Layout(tensor));
    if (view.name.empty())
        view.name = name;
}

std::string AliasSets::nameOf(const at::Tensor& tensor) const {
    const Set* set = find(tensor);
    if (!set)
        return {};
    const Layout layout(tensor);
    const auto known = std::ranges::find(set->views, layout, &View::layout);
    return known == set->views.end() ? std::string() : known->name;
}

} // namespace fxp::quant
