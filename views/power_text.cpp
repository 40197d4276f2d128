#include "views/power_text.h"

namespace fxp::views {

QString power(int exponent) {
    static const QString kDigits = QStringLiteral("⁰¹²³⁴⁵⁶⁷⁸⁹");
    QString text = QStringLiteral("2");
    for (const QChar c : QString::number(exponent))
        text += c == '-' ? QChar(0x207B) : kDigits[c.digitValue()];
    return text;
}

QString numberText(double value, int digits) {
    return QString::number(value, 'g', digits).replace('-', QChar(0x2212));
}

QString shortCount(double count) {
    if (count >= 1e6)
        return QString::number(count / 1e6, 'g', 3) + "M";
    return count >= 1e4 ? QString::number(count / 1e3, 'g', 3) + "k" : QString::number(count, 'g', 4);
}

} // namespace fxp::views
