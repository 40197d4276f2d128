#include "quant/calibrate/fit.h"
#include "quant/core/integer_bits.h"
#include "quant/core/quantize.h"
#include "quant/io/qconfig.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace fxp;
using namespace fxp::quant;

class TestIntegerBits : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void goldenTable();
    void tensorFormats_data();
    void tensorFormats();
    void powersOfTwo();
    void symmetric_data();
    void symmetric();
};

void TestIntegerBits::goldenTable() {
    int wrong = 0, total = 0;
    for (const test::Json& item : test::readJson(test::goldenFolder() + "/integer_bits.json")) {
        QType type;
        if (!item["total_bits"].is_null())
            type.totalBits = item["total_bits"].get<int>();
        if (!item["fractional_bits"].is_null())
            type.fractionalBits = item["fractional_bits"].get<int>();
        const int bits = integerBits({item["min"].get<double>(), item["max"].get<double>()}, type, "x");
        ++total;
        if (bits != item["integer_bits"].get<int>() && ++wrong < 5)
            qWarning("%s gives %d", item.dump().c_str(), bits);
    }
    QVERIFY(total > 0);
    QCOMPARE(wrong, 0);
}

void TestIntegerBits::tensorFormats_data() {
    QTest::addColumn<int>("index");
    const test::Json cases = test::readJson(test::goldenFolder() + "/tensor_formats.json");
    for (std::size_t i = 0; i < cases.size(); ++i)
        QTest::newRow(cases[i]["name"].get<std::string>().c_str()) << static_cast<int>(i);
}

void TestIntegerBits::tensorFormats() {
    QFETCH(int, index);
    static const test::Json cases = test::readJson(test::goldenFolder() + "/tensor_formats.json");
    const test::Json& item = cases[static_cast<std::size_t>(index)];
    const at::Tensor x = test::tensorFromBits(item["x"]);
    const ValueRange range = valueRange(x);
    // Outside 2 … 64 bits is an error there and clamped here.
    const auto expected = [](const test::Json& json) {
        test::Json clamped = json;
        clamped["total_bits"] = std::clamp(json["total_bits"].get<int>(), kMinTotalBits, kMaxTotalBits);
        return formatFromJson(clamped, "");
    };
    QVERIFY(highPrecision(range, {}, "x") == expected(item["high_precision"]));
    for (const test::Json& given : item["no_overflow"])
        QVERIFY(noOverflow(range, formatFromJson(given["given"], ""), "x") == expected(given["result"]));
    for (const test::Json& given : item["min_mse"]) {
        QCOMPARE(given["depth"].get<int>(), 10); // the depth of fit()
        QVERIFY(fit({x}, range, formatFromJson(given["given"], ""), Method::MinMse, {}, -1, "x") ==
                expected(given["result"]));
    }
}

void TestIntegerBits::powersOfTwo() {
    for (int k = -120; k <= 120; ++k) {
        const double power = std::ldexp(1.0, k);
        for (const double high : {power, std::nextafter(power, 0), std::nextafter(power, INFINITY)}) {
            for (const int total : {2, 8, 16, 53, 64}) {
                QType type;
                type.totalBits = total;
                const QType fit = noOverflow({-high, high}, type, "x");
                // It fits, and with one bit less it would not: compared in units of the LSB, in extended precision.
                const auto units = [&](double v, int fraction) {
                    return std::ldexp(static_cast<long double>(v), fraction);
                };
                const long double most = std::ldexp(1.0L, total - 1);
                QVERIFY(units(high, *fit.fractionalBits) <= most - 1);
                QVERIFY(units(high, *fit.fractionalBits + 1) > most - 1 || units(high, *fit.fractionalBits + 1) > most);
            }
        }
    }
}

void TestIntegerBits::symmetric_data() {
    QTest::addColumn<int>("total");
    QTest::addColumn<int>("fraction");
    for (const int total : {2, 8, 16, 53})
        QTest::addRow("T %d", total) << total << 0;
    for (const int fraction : {-3, 0, 5})
        QTest::addRow("F %d", fraction) << 0 << fraction;
}

void TestIntegerBits::symmetric() {
    QFETCH(int, total);
    QFETCH(int, fraction);
    QType type;
    type.overflow = Overflow::SaturateSymmetric;
    if (total)
        type.totalBits = total;
    else
        type.fractionalBits = fraction;
    for (int k = -2; k <= 20; ++k) {
        const double power = std::ldexp(1.0, k);
        for (const double low : {power, std::nextafter(power, 0), 0.75 * power}) {
            for (const double high : {0.0, low / 2, low}) {
                // −q_max is the least value: as many bits as for the mirrored range, and not one less would do.
                const QType fit = noOverflow({-low, high}, type, "x");
                QVERIFY(fit == noOverflow({-high, low}, type, "x"));
                const long double most = std::ldexp(1.0L, *fit.totalBits - 1) - 1;
                const bool fits = std::ldexp(static_cast<long double>(low), *fit.fractionalBits) <= most;
                QVERIFY(fits || (!total && std::ldexp(low, fraction) < 1));
                if (total)
                    QVERIFY(std::ldexp(static_cast<long double>(low), *fit.fractionalBits + 1) > most);
            }
        }
    }
}

QTEST_GUILESS_MAIN(TestIntegerBits)
#include "tst_integer_bits.moc"
