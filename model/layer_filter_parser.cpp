#include "model/layer_filter_condition.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <optional>

namespace fxp::model {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("fxp::model::LayerFilter", text);
}

template <class Table> auto find(const Table& table, const QString& name) -> const typename Table::value_type* {
    for (const auto& entry : table) {
        if (name.compare(QLatin1String(entry.name), Qt::CaseInsensitive) == 0)
            return &entry;
    }
    return nullptr;
}

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
            if (const FilterField* field = find(kFields, name)) {
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
        const FilterFigure* figure = quoted ? nullptr : find(kFigures, name);
        const FilterField* field = quoted ? nullptr : find(kFields, name);
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

    Pointer numberCondition(qsizetype from, const FilterFigure& figure, Compared how) {
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

    Pointer textCondition(qsizetype from, const FilterField& field, Compared how, bool contains) {
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
        for (const FilterFigure& figure : kFigures)
            names << QLatin1String(figure.name);
        return names.join(", ");
    }

    static QString example(const FilterFigure& figure) {
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

} // namespace fxp::model
