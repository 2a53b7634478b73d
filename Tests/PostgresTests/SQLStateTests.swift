import Testing

@testable import Postgres

struct SQLStateTests {
    /// 08P01 is what a PgBouncer says whose pool or server is not there; 53200 and 53100 are memory and disk.
    @Test(arguments: ["08P01", "08006", "53100", "53200", "53300", "57P03", "57014"])
    func `a connection that was refused for now is worth another try`(code: String) {
        #expect(SQLState.connectionFailure(code, url: "DATABASE_URL").kind == .unavailable)
    }

    @Test(arguments: ["3D000", "42501", "0A000"])
    func `a connection that was refused for good is not`(code: String) {
        #expect(SQLState.connectionFailure(code, url: "DATABASE_URL").kind == .refused)
    }
}
