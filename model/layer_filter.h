#pragma once

#include <QList>
#include <QString>
#include <QStringList>

#include <limits>
#include <memory>

namespace fxp::model {

/// What a filter is asked about a tensor: names as the tree shows them, and its figures; NaN where there is none.
struct FilteredTensor {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

    QString path;
    QString type;   ///< of its layer
    QString format; ///< `s1.4`, `float`
    double bits = kNone;
    double overflow = kNone;    ///< share of the values, 0 … 1
    double sqnr = kNone;        ///< dB
    double versusFloat = kNone; ///< dB
    double zero = kNone;        ///< share of the values that were not zero and became it, 0 … 1
};

/// The language of the layer tree's filter:
///
///     either       = all { "or" all }
///     all          = one { [ "and" | "," ] one }
///     one          = "not" one | "(" either ")" | condition
///     condition    = figure compared number [ unit ] | field ( ":" | "=" | "!=" ) word | word
///     figure       = "bits" | "overflow" | "sqnr" | "vs float" | "zero"
///     compared     = ">" | ">=" | "<" | "<=" | "=" | "!="
///     field        = "name" | "type" | "format"
///     word         = letters without blanks, or any in "…"
///
/// A word alone is looked for in the path and in the layer's type; upper and lower case are alike. `=` and `!=` compare
/// figures as they are shown, to 0.1 dB and 0.1 %, but nothing equals 0 that is not 0. A part that cannot be understood
/// is left out, and named in problems().
class LayerFilter {
  public:
    /// A part of the text that was left out.
    struct Problem {
        qsizetype at = 0, length = 0;
        QString text; ///< what is wrong, and what would be right
    };

    LayerFilter() = default;
    static LayerFilter parse(const QString& text);

    /// Whether there is nothing to ask: every tensor is accepted.
    bool isEmpty() const { return !m_condition; }
    bool accepts(const FilteredTensor& tensor) const;
    const QList<Problem>& problems() const { return m_problems; }

    /// The language in a few lines, as rich text: for tips.
    static QString help();

    struct Condition; ///< layer_filter_condition.h

  private:
    std::shared_ptr<const Condition> m_condition;
    QList<Problem> m_problems;
};

} // namespace fxp::model
