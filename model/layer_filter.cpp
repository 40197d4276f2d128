#include "model/layer_filter.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <array>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace fxp::model {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("fxp::model::LayerFilter", text);
}

enum class Compared { Above, AtLeast, Below, AtMost, Equal, Different };

struct Figure {
    const char* name;
    double FilteredTensor::*value;
    const char* unit; ///< "" where none is written
    double perUnit;   ///< what one unit is in `value`
    double shown;     ///< half of the last digit that the tree shows, in `value`
};

constexpr std::array<Figure, 5> kFigures{{{"bits", &FilteredTensor::bits, "bits", 1, 0},
                                          {"overflow", &FilteredTensor::overflow, "%", 0.01, 0.0005},
                                          {"sqnr", &FilteredTensor::sqnr, "dB", 1, 0.05},
                                          {"vs float", &FilteredTensor::versusFloat, "dB", 1, 0.05},
                                          {"zero", &FilteredTensor::zero, "%", 0.01, 0.0005}}};

struct Field {
    const char* name;
    QString FilteredTensor::*value;
};

constexpr std::array<Field, 3> kFields{
    {{"name", &FilteredTensor::path}, {"type", &FilteredTensor::type}, {"format", &FilteredTensor::format}}};

template <class Table> auto find(const Table& table, const QString& name) -> const typename Table::value_type* {
    for (const auto& entry : table) {
        if (name.compare(QLatin1String(entry.name), Qt::CaseInsensitive) == 0)
            return &entry;
    }
    return nullptr;
}

bool holds(double value, Compared how, double limit, double shown) {
    if (std::isnan(value))
        return false; // no figure is neither above nor below
    const bool equal = limit == 0 || std::isinf(limit) ? value == limit : std::abs(value - limit) <= shown;
    switch (how) {
    case Compared::Above: return value > limit;
    case Compared::AtLeast: return value >= limit;
    case Compared::Below: return value < limit;
    case Compared::AtMost: return value <= limit;
    case Compared::Equal: return equal;
    case Compared::Different: return !equal;
    }
    return false;
}

} // namespace

struct LayerFilter::Condition {
    using Pointer = std::shared_ptr<const Condition>;
    enum class Kind { Either, All, Not, Word, Text, Number };

    Kind kind = Kind::Word;
    std::vector<Pointer> parts = {}; ///< of Either, All, Not
    QString word = {};               ///< of Word, Text
    const Field* field = nullptr;    ///< of Text
    const Figure* figure = nullptr;  ///< of Number
    bool contains = false;           ///< Text: the field has the word in it, and need not be it
    Compared how = Compared::Equal;
    double limit = 0;

    bool accepts(const FilteredTensor& tensor) const {
        switch (kind) {
        case Kind::Either:
            for (const Pointer& part : parts) {
                if (part->accepts(tensor))
                    return true;
            }
            return false;
        case Kind::All:
            for (const Pointer& part : parts) {
                if (!part->accepts(tensor))
                    return false;
            }
            return true;
        case Kind::Not: return !parts.front()->accepts(tensor);
        case Kind::Word: return (tensor.path + " " + tensor.type).contains(word, Qt::CaseInsensitive);
        case Kind::Text: {
            const QString& text = tensor.*(field->value);
            const bool found =
                contains ? text.contains(word, Qt::CaseInsensitive) : text.compare(word, Qt::CaseInsensitive) == 0;
            return found == (how != Compared::Different);
        }
        case Kind::Number: return holds(tensor.*(figure->value), how, limit, figure->shown);
        }
        return false;
    }
};

namespace {

using Condition = LayerFilter::Condition;
using Pointer = Condition::Pointer;
using Kind = Condition::Kind;

bool isSign(QChar letter) {
    return QStringView(u"<>=!≤≥≠").contains(letter);
}

/// Recursive descent over the text; a function that finds nothing it understands notes a problem and returns null.
class Parser {
  public:
    explicit Parser(const QString& text) : m_text(text) {}

    Pointer parse() {
        Pointer found = either();
        while (m_at < m_text.size()) { // only a parenthesis that was never opened ends it early
            problem(m_at, 1, tr("No “(” belongs to this “)”."));
            ++m_at;
            if (Pointer more = either())
                found = found ? joined(Kind::All, {found, more}) : more;
        }
        return found;
    }
    QList<LayerFilter::Problem> problems;

  private:
    static Pointer joined(Kind kind, std::vector<Pointer> parts) {
        if (parts.empty())
            return nullptr;
        if (parts.size() == 1 && kind != Kind::Not)
            return parts.front();
        Condition made;
        made.kind = kind;
        made.parts = std::move(parts);
        return std::make_shared<const Condition>(std::move(made));
    }

    Pointer either() {
        std::vector<Pointer> parts;
        for (qsizetype last = -1;;) { // where the last “or” stands
            skip();
            const qsizetype from = m_at;
            if (Pointer part = all())
                parts.push_back(std::move(part));
            const bool nothing = m_at == from;
            const qsizetype at = m_at;
            const bool more = keyword("or");
            if (nothing && (more || last >= 0))
                problem(more ? at : last, 2, tr("“or” needs a condition on either side."));
            if (!more)
                return joined(Kind::Either, std::move(parts));
            last = at;
        }
    }

    Pointer all() {
        std::vector<Pointer> parts;
        for (;;) {
            skip();
            if (m_at >= m_text.size() || m_text[m_at] == ')' || isKeyword("or"))
                return joined(Kind::All, std::move(parts));
            if (m_text[m_at] == ',') {
                ++m_at;
                continue;
            }
            if (keyword("and"))
                continue;
            if (Pointer part = one())
                parts.push_back(std::move(part));
        }
    }

    Pointer one() {
        const qsizetype from = m_at;
        if (keyword("not")) {
            skip();
            if (m_at >= m_text.size() || m_text[m_at] == ')' || m_text[m_at] == ',' || isKeyword("or")) {
                problem(from, 3, tr("“not” needs a condition behind it."));
                return nullptr;
            }
            Pointer part = one();
            return part ? joined(Kind::Not, {part}) : nullptr;
        }
        if (m_text[m_at] == '(') {
            ++m_at;
            Pointer part = either();
            if (m_at < m_text.size())
                ++m_at;
            else
                problem(from, 1, tr("This “(” needs a “)”."));
            return part;
        }
        return condition();
    }

    Pointer condition() {
        const qsizetype from = m_at;
        bool quoted = false;
        QString name = word(quoted);
        qsizetype end = m_at;
        if (!quoted && name.compare("vs", Qt::CaseInsensitive) == 0) { // the one figure of two words
            static const QRegularExpression kFloat(QStringLiteral(R"(\G\s+float\b)"),
                                                   QRegularExpression::CaseInsensitiveOption);
            if (const auto match = kFloat.match(m_text, m_at); match.hasMatch()) {
                m_at = match.capturedEnd();
                skip();
                if (m_at < m_text.size() && isSign(m_text[m_at])) {
                    name = QStringLiteral("vs float");
                    end = match.capturedEnd();
                } else {
                    m_at = end;
                }
            }
        }
        if (!quoted && m_at < m_text.size() && m_text[m_at] == ':') {
            if (const Field* field = find(kFields, name)) {
                ++m_at;
                return textCondition(from, *field, Compared::Equal, true);
            }
        }
        skip();
        const qsizetype signFrom = m_at;
        while (m_at < m_text.size() && isSign(m_text[m_at]))
            ++m_at;
        const QString sign = m_text.mid(signFrom, m_at - signFrom);
        if (sign.isEmpty()) {
            m_at = end;
            if (name.isEmpty() && !quoted) { // a character that begins nothing
                problem(from, 1, tr("A condition is a word, or a figure, a sign and a number: overflow > 1 %."));
                m_at = from + 1;
                return nullptr;
            }
            Condition made;
            made.word = name;
            return name.isEmpty() ? nullptr : std::make_shared<const Condition>(std::move(made));
        }
        const auto how = compared(sign);
        const Figure* figure = quoted ? nullptr : find(kFigures, name);
        const Field* field = quoted ? nullptr : find(kFields, name);
        if (how && figure)
            return numberCondition(from, *figure, *how);
        if (how && field && (*how == Compared::Equal || *how == Compared::Different))
            return textCondition(from, *field, *how, false);
        // What stands behind the sign belongs to the part that is wrong.
        static const QRegularExpression kRest(QStringLiteral(R"(\G\s*[^\s,()<>=!≤≥≠]*(\s*(%|dB\b|bits?\b))?)"),
                                              QRegularExpression::CaseInsensitiveOption);
        m_at = kRest.match(m_text, m_at).capturedEnd();
        if (!how)
            problem(signFrom, sign.size(), tr("“%1” is no comparison: use >, >=, <, <=, = or !=.").arg(sign));
        else if (field)
            problem(from, m_at - from,
                    tr("A %1 is compared by “:”, “=” or “!=”: type: linear, format = s1.4.").arg(name));
        else if (name.isEmpty())
            problem(from, m_at - from, tr("A figure is missing before “%1”: %2.").arg(sign, figureNames()));
        else
            problem(from, m_at - from, tr("“%1” is no figure. There are %2.").arg(name, figureNames()));
        return nullptr;
    }

    Pointer numberCondition(qsizetype from, const Figure& figure, Compared how) {
        static const QRegularExpression kNumber(
            QStringLiteral(R"(\G\s*([+−-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|inf\b|∞))\s*(%|[A-Za-z]+)?)"),
            QRegularExpression::CaseInsensitiveOption);
        const QString own = QLatin1String(figure.unit);
        const auto match = kNumber.match(m_text, m_at);
        if (!match.hasMatch()) {
            static const QRegularExpression kOther(QStringLiteral(R"(\G\s*[^\s,()]*)"));
            m_at = kOther.match(m_text, m_at).capturedEnd();
            problem(from, m_at - from,
                    tr("“%1” is compared with a number: %1 > %2.").arg(QLatin1String(figure.name), example(figure)));
            return nullptr;
        }
        m_at = match.capturedEnd(1);
        QString unit = match.captured(2);
        const bool word = unit.compare("or", Qt::CaseInsensitive) == 0 ||
                          unit.compare("and", Qt::CaseInsensitive) == 0 ||
                          unit.compare("not", Qt::CaseInsensitive) == 0;
        const bool attached = match.capturedStart(2) == match.capturedEnd(1);
        const bool known = unit == "%" || unit.compare("dB", Qt::CaseInsensitive) == 0 ||
                           unit.compare("bits", Qt::CaseInsensitive) == 0 ||
                           unit.compare("bit", Qt::CaseInsensitive) == 0;
        if (word || !(known || attached))
            unit.clear(); // the next condition
        if (!unit.isEmpty()) {
            m_at = match.capturedEnd(2);
            const bool fits = own.compare(unit, Qt::CaseInsensitive) == 0 ||
                              (own == "bits" && unit.compare("bit", Qt::CaseInsensitive) == 0);
            if (!fits) {
                problem(from, m_at - from,
                        tr("“%1” is given in %2, not in “%3”.").arg(QLatin1String(figure.name), own, unit));
                return nullptr;
            }
        }
        QString number =
            match.captured(1).replace(QStringLiteral("−"), "-").replace(QStringLiteral("∞"), "inf").toLower();
        Condition made;
        made.kind = Kind::Number;
        made.figure = &figure;
        made.how = how;
        made.limit = number.toDouble() * figure.perUnit;
        return std::make_shared<const Condition>(std::move(made));
    }

    Pointer textCondition(qsizetype from, const Field& field, Compared how, bool contains) {
        skip();
        bool quoted = false;
        Condition made;
        made.kind = Kind::Text;
        made.field = &field;
        made.how = how;
        made.contains = contains;
        made.word = word(quoted);
        if (made.word.isEmpty()) {
            problem(from, m_at - from, tr("A word is missing: %1: linear.").arg(QLatin1String(field.name)));
            return nullptr;
        }
        return std::make_shared<const Condition>(std::move(made));
    }

    /// A word, or what stands between quotes.
    QString word(bool& quoted) {
        quoted = m_at < m_text.size() && m_text[m_at] == '"';
        if (quoted) {
            const qsizetype from = m_at, end = m_text.indexOf('"', from + 1);
            m_at = end < 0 ? m_text.size() : end + 1;
            if (end < 0)
                problem(from, m_at - from, tr("The quote is not closed."));
            return m_text.mid(from + 1, (end < 0 ? m_text.size() : end) - from - 1);
        }
        const qsizetype from = m_at;
        while (m_at < m_text.size() && !m_text[m_at].isSpace() && !isSign(m_text[m_at]) &&
               !QStringView(u",()\"").contains(m_text[m_at])) {
            if (m_text[m_at] == ':' && find(kFields, m_text.mid(from, m_at - from)))
                break; // other words may have colons: aten::add
            ++m_at;
        }
        return m_text.mid(from, m_at - from);
    }

    static std::optional<Compared> compared(const QString& sign) {
        static const std::pair<const char*, Compared> kNames[] = {
            {">", Compared::Above},      {">=", Compared::AtLeast}, {"≥", Compared::AtLeast}, {"<", Compared::Below},
            {"<=", Compared::AtMost},    {"≤", Compared::AtMost},   {"=", Compared::Equal},   {"==", Compared::Equal},
            {"!=", Compared::Different}, {"≠", Compared::Different}};
        for (const auto& [name, how] : kNames) {
            if (sign == QString::fromUtf8(name))
                return how;
        }
        return std::nullopt;
    }

    static QString figureNames() {
        QStringList names;
        for (const Figure& figure : kFigures)
            names << QLatin1String(figure.name);
        return names.join(", ");
    }

    static QString example(const Figure& figure) {
        const QString unit = QLatin1String(figure.unit);
        return unit == "%" ? QStringLiteral("1 %") : unit == "dB" ? QStringLiteral("30 dB") : QStringLiteral("8");
    }

    void skip() {
        while (m_at < m_text.size() && m_text[m_at].isSpace())
            ++m_at;
    }

    bool isKeyword(const char* name) const {
        const QLatin1String wanted(name);
        const qsizetype end = m_at + wanted.size();
        if (QStringView(m_text).mid(m_at, wanted.size()).compare(wanted, Qt::CaseInsensitive) != 0)
            return false;
        return end >= m_text.size() || m_text[end].isSpace() || m_text[end] == '(' || m_text[end] == ')' ||
               m_text[end] == ',';
    }

    bool keyword(const char* name) {
        if (!isKeyword(name))
            return false;
        m_at += static_cast<qsizetype>(qstrlen(name));
        return true;
    }

    void problem(qsizetype at, qsizetype length, const QString& text) { problems.push_back({at, length, text}); }

    const QString& m_text;
    qsizetype m_at = 0;
};

} // namespace

LayerFilter LayerFilter::parse(const QString& text) {
    Parser parser(text);
    LayerFilter filter;
    filter.m_condition = parser.parse();
    filter.m_problems = parser.problems;
    return filter;
}

bool LayerFilter::accepts(const FilteredTensor& tensor) const {
    return !m_condition || m_condition->accepts(tensor);
}

QString LayerFilter::help() {
    const std::pair<const char*, QString> lines[] = {
        {"linear1 act", tr("both words in the path or in the layer's type; “\"…\"” for words with blanks")},
        {"overflow > 1 %", tr("figures: bits, overflow, sqnr, vs float, zero (non-zero values that became 0)")},
        {"sqnr >= 20 and sqnr <= 30 dB", tr("compared by >, >=, <, <=, = and !=; “and” may be left out")},
        {"overflow > 0 or zero > 5 %", tr("either; “and” holds closer than “or”, ( ) closer still")},
        {"not type: layer_norm", tr("fields: name, type, format; “:” has the word in it, “=” is it")},
        {"format = s1.4, bits != 8", tr("a comma is “and”")}};
    QString rows;
    for (const auto& [example, meaning] : lines)
        rows += QStringLiteral(
                    "<tr><td style='white-space: nowrap; padding-right: 10px'><code>%1</code></td><td>%2</td></tr>")
                    .arg(QString::fromUtf8(example).toHtmlEscaped(), meaning.toHtmlEscaped());
    return QStringLiteral("<table>%1</table>").arg(rows);
}

} // namespace fxp::model
