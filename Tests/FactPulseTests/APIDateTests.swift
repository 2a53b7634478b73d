import Foundation
import Testing

@testable import FactPulse

struct APIDateTests {
    static let noon = Date(timeIntervalSince1970: 1_772_366_400)  // 2026-03-01T12:00:00Z

    @Test(
        arguments: ["Z", "z", "", "+00:00", "-00:00", "+0000", "+00"],
        0...9
    ) func `every fraction and every way to write UTC are read`(
        offset: String,
        digits: Int
    ) throws {
        let fraction = "123456789".prefix(digits)
        let text = "2026-03-01T12:00:00" + (digits == 0 ? "" : ".\(fraction)") + offset
        let date = try #require(APIDate.parse(text), "\(text)")
        let part = digits == 0 ? 0 : try #require(Double("0.\(fraction)"))
        #expect(abs(date.timeIntervalSince(Self.noon) - part) < 1e-6, "\(text)")
    }

    @Test(arguments: [
        ("2026-03-01T13:30:00+01:30", 0.0), ("2026-03-01T07:00:00-05:00", 0), ("2026-03-01 12:00:00", 0),
        ("2026-03-01T14:00:00+02", 0), ("2026-03-01T12:00:00,5Z", 0.5), ("2026-03-01T12:00:00.500000000000Z", 0.5),
        ("2026-02-28T12:00:00Z", -86400), ("2024-02-29T12:00:00Z", -63_158_400),
        ("1970-01-01T00:00:00Z", -1_772_366_400),
        ("2000-03-01T00:00:00Z", -820_497_600), ("1969-12-31T23:59:59Z", -1_772_366_401),
    ]) func `offsets, leap days and old dates are right`(text: String, seconds: Double) throws {
        #expect(try #require(APIDate.parse(text)).timeIntervalSince(Self.noon) == seconds)
    }

    @Test func `every day of four centuries agrees with Foundation`() throws {
        let formatter = ISO8601DateFormatter()
        for day in stride(from: -50_000, to: 96_000, by: 37) {
            let date = Date(timeIntervalSince1970: Double(day) * 86400 + 3661)
            #expect(APIDate.parse(formatter.string(from: date)) == date)
        }
    }

    @Test(arguments: [
        "", "2026-03-01", "2026-03-01T12:00", "2026-13-01T12:00:00Z", "2026-02-29T12:00:00Z", "2026-03-01T24:00:00Z",
        "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00.x", "2026-03-01T12:00:00+1", "2026-03-01T12:00:00+01:",
        "2026-03-01T12:00:00ZZ",
        "2026-03-01T12:00:00 Z", "1772366400", "٢٠٢٦-03-01T12:00:00Z", "2026-00-01T12:00:00Z", "2026-03-00T12:00:00Z",
    ]) func `what is not a date is not guessed`(text: String) {
        #expect(APIDate.parse(text) == nil)
    }
}
