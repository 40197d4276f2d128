#include "views/power_text.h"

namespace fxp::views {

namespace {

constexpr QChar kMinus(0x2212);

QString raised(int number) {
    static const QString kDigits = QStringLiteral("⁰¹²³⁴⁵⁶⁷⁸⁹");
    QString text;
    for (const QChar c : QString::number(number))
        text += c == '-' ? QChar(0x207B) : kDigits[c.digitValue()];
    return text;
}

} // namespace

QString power(int exponent) {
    return '2' + raised(exponent);
}

QString tickText(double value, int digits) {
    const QString text = QString::number(value, 'g', digits);
    const qsizetype e = text.indexOf('e');
    if (e < 0)
        return numberText(value, digits);
    const QString mantissa = text.left(e).replace('-', kMinus);
    const QString ten = "10" + raised(text.mid(e + 1).toInt());
    if (mantissa == "1")
        return ten;
    return mantissa == QString(kMinus) + '1' ? kMinus + ten : mantissa + QChar(0x00B7) + ten;
}

QString numberText(double value, int digits) {
    return QString::number(value, 'g', digits).replace('-', kMinus);
}

QString fixedText(double value, int decimals) {
    return QString::number(value, 'f', decimals).replace('-', kMinus);
}

QString shortCount(double count) {
    if (count >= 1e6)
        return QString::number(count / 1e6, 'g', 3) + "M";
    return count >= 1e4 ? QString::number(count / 1e3, 'g', 3) + "k" : QString::number(count, 'g', 4);
}

} // namespace fxp::views
