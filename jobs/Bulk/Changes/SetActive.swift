import FactPulse

/// Activates or deactivates a client.
///
/// To say it twice is to say it once, but a repetition may undo what a person did in between: so a lost answer is settled
/// by reading the client.
struct SetActive: ClientChange {
    let isActive: Bool

    func prepare(_ row: ChangeRow, _ client: ClientAPI) -> Preparation {
        // The list said that there is something to do, and when the client had last changed.
        .send(
            PreparedCall(baseline: row.baseline) { client, admission in
                do {
                    let answer =
                        isActive
                        ? try await client.activate(admission: admission)
                        : try await client.deactivate(admission: admission)
                    return answer.isActive == isActive
                        ? .done : .notApplied("the client is \(isActive ? "still inactive" : "still active")")
                } catch let error as FactPulseError where error.outcome.isConflict {
                    // Servers may refuse what is so already.
                    guard try await client.get().isActive == isActive else { throw error }
                    return .done
                }
            }
        )
    }

    func settle(_ row: ChangeRow, _ client: ClientAPI) async throws -> Settled {
        let found = try await client.get()
        return Settled(isSo: found.isActive == isActive, updatedAt: found.updatedAt, baseline: row.baseline)
    }
}

extension Outcome {
    fileprivate var isConflict: Bool { self == .refused(status: 409) || self == .refused(status: 400) }
}
