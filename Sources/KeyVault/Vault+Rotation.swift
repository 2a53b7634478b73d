import Foundation
import Postgres

extension Vault {
    /// What is known of a client's keys, and its open attempt. Locks the keys' rows until the commit, so that no other
    /// attempt can be opened on what was read.
    ///
    /// - Returns: `nil` when the client has no key that is or was live.
    package func rotation(of client: UUID, in transaction: Transaction) async throws -> ClientRotation? {
        let rows = try await transaction.query(
            """
            SELECT \(StoredSecret.columns), settle_until, a.*, now() AS as_of
              FROM factpulse.secrets s
              LEFT JOIN (SELECT client_uid AS owner, id AS attempt, state AS attempt_state, from_version, to_version, calling, doubts,
                                puzzles, round, searched, revision, settle_until AS call_settles
                           FROM factpulse.rotation_attempts WHERE ended_at IS NULL) a ON a.owner = s.client_uid
             WHERE purpose = 'client-key' AND client_uid = \(client) ORDER BY version
               FOR NO KEY UPDATE OF s
            """
        )
        let keys = try rows.map(StoredSecret.init)
        let versions = { (states: SecretState...) in
            Set(keys.filter { states.contains($0.state) }.map(\.name.version))
        }
        let pending = keys.last { $0.state == .pending }
        guard
            var rules = Rotation(
                candidates: versions(.active, .uncertain),
                proven: versions(.active).first,
                retained: versions(.retired, .compromised),
                fresh: pending?.isEscrowed == true ? pending?.name.version : nil,
                settleUntil: try rows.compactMap { try $0.decode("settle_until", as: Date?.self) }.max()
            )
        else { return nil }
        let attempt = try rows[0].decode("attempt", as: Int64?.self)
        if attempt != nil { try rules.resume(from: rows[0]) }
        // While a call is out the key that it replaces is still the known one.
        if rules.isCalling { rules.proven = versions(.active).first }
        return ClientRotation(
            client: client,
            attempt: attempt,
            revision: try attempt.map { _ in try rows[0].decode("revision", as: Int.self) } ?? 0,
            rules: rules,
            asOf: try rows[0].decode("as_of"),
            keys: Dictionary(uniqueKeysWithValues: keys.compactMap(\.sealedSecret).map { ($0.name.version, $0) }),
            unfinished: pending?.isEscrowed == false ? pending?.sealedSecret : nil,
            nextVersion: (keys.last?.name.version ?? 0) + 1
        )
    }

    /// Opens an attempt where none is open, and stores a new key where one is given: as pending, to be used after ``escrow(_:)``
    /// and ``Rotation/keyReady(_:)``. One statement, in the transaction that read the rotation.
    ///
    /// - Parameter key: Sealed as version ``ClientRotation/nextVersion``. `nil`: one that is pending already.
    /// - Throws: ``PostgresError`` with the constraint `rotation_attempts_one_open` when another attempt was opened meanwhile.
    package func prepare(_ rotation: inout ClientRotation, with key: SealedSecret?, in transaction: Transaction)
        async throws
    {
        guard let to = key?.name.version ?? rotation.rules.fresh ?? rotation.unfinished?.name.version,
            let from = rotation.rules.candidates.max()
        else { preconditionFailure("a rotation is prepared with the key that its rules ask for") }
        let attempt: SQL = """
            INSERT INTO factpulse.rotation_attempts (client_uid, state, from_version, to_version)
            VALUES (\(rotation.client), 'open', \(from), \(to))
            RETURNING id
            """
        switch (key, rotation.attempt) {
        case (let key?, nil):
            rotation.attempt = try await transaction.query("WITH key AS (\(insert(key)) RETURNING 1) \(attempt)")[0]
                .decode(at: 0)
        case (let key?, _): try await transaction.execute(insert(key))
        case (nil, nil): rotation.attempt = try await transaction.query(attempt)[0].decode(at: 0)
        case (nil, _): break
        }
        guard let key else { return }
        rotation.keys[to] = key
        rotation.unfinished = key
        rotation.nextVersion = to + 1
    }

    /// Stores what the rules say now: the attempt, the state of every key, and one entry of the audit log. One statement.
    ///
    /// - Parameters:
    ///   - settle: With ``Rotation/begin(settleUntil:)``: how long from now the server may be at work on the call. The
    ///     database's clock says until when, and the rules get it from there.
    ///   - audit: Its client, version, fingerprint and attempt are filled in.
    /// - Throws: ``RotationOver`` when somebody else has gone on with the attempt; nothing was written then.
    package func save(
        _ rotation: inout ClientRotation,
        settle: Duration? = nil,
        rotatedCount: Int? = nil,
        audit entry: AuditEntry,
        in transaction: Transaction
    ) async throws {
        let rules = rotation.rules
        let states = rotation.states
        let keys: SQL = """
            unnest(\(states.map(\.version))::int[], \(states.map(\.state.rawValue))::text[]) k (version, state), attempt
             WHERE s.purpose = 'client-key' AND s.client_uid = \(rotation.client) AND s.version = k.version AND s.state <> k.state
               AND (s.state, k.state) <> ('compromised', 'retired')
            """
        let change: SQL = """
            UPDATE factpulse.secrets s
               SET state = CASE WHEN k.state = 'retired' AND s.compromised_at IS NOT NULL THEN 'compromised' ELSE k.state END,
                   escrowed_at = coalesce(s.escrowed_at, now()), settle_until = CASE WHEN k.state = 'uncertain' THEN s.settle_until END
            """
        let rows = try await transaction.query(
            """
            WITH attempt AS (
                UPDATE factpulse.rotation_attempts
                   SET state = \(rotation.state), from_version = coalesce(\(rules.from)::int, from_version),
                       to_version = coalesce(\(rules.to)::int, to_version), calling = \(rules.isCalling), doubts = \(rules.doubts),
                       puzzles = \(rules.puzzles), round = \(rules.round), searched = \(rules.isSearching),
                       settle_until = CASE WHEN \(rules.settleUntil == nil)::boolean THEN NULL
                                           ELSE coalesce(now() + \(settle)::interval, settle_until) END,
                       rotated_count = coalesce(\(rotatedCount)::int, rotated_count), reason = coalesce(\(entry.reason)::text, reason),
                       updated_at = now(), revision = revision + 1, ended_at = CASE WHEN \(rules.end?.needsPerson == false)::boolean THEN now() END
                 WHERE id = \(rotation.attempt)::bigint AND ended_at IS NULL AND revision = \(rotation.revision)
                RETURNING id, settle_until
            ), demoted AS (
                \(change) FROM \(keys) AND k.state <> 'active'
                RETURNING 1
            ), promoted AS (
                -- After the old one has made room: an index looks at one row after the other.
                \(change) FROM \(keys) AND k.state = 'active' AND (SELECT count(*) FROM demoted) >= 0
                RETURNING 1
            )
            SELECT settle_until, now() AS as_of, factpulse.audit(\(entry.actor), \(entry.action), \(entry.outcome), \(rotation.client), \(rules.to)::int,
                                                 \(rules.to.flatMap { rotation.keys[$0]?.fingerprint })::text, id, \(entry.reason)::text)
              FROM attempt WHERE (SELECT count(*) FROM promoted) >= 0
            """
        )
        guard let row = rows.first else { throw RotationOver(client: rotation.client) }
        rotation.rules.settleUntil = try row.decode("settle_until")
        rotation.asOf = try row.decode("as_of")
        rotation.revision += 1
        if rules.end?.needsPerson == false { (rotation.attempt, rotation.revision) = (nil, 0) }
    }

    /// The attempt was ended or gone on with since it was read.
    package struct RotationOver: Error, CustomStringConvertible {
        package let client: UUID
        package var description: String {
            "somebody else has gone on with the rotation of \(client.lowercased); nothing was written"
        }
    }
}

extension Rotation {
    /// Takes up the open attempt of a row.
    fileprivate mutating func resume(from row: Row) throws {
        from = try row.decode("from_version")
        to = try row.decode("to_version")
        isCalling = try row.decode("calling")
        doubts = try row.decode("doubts")
        puzzles = try row.decode("puzzles")
        round = try row.decode("round")
        isSearching = try row.decode("searched")
        settleUntil = [settleUntil, try row.decode("call_settles", as: Date?.self)].compactMap(\.self).max()
        end = RotationEnd(rawValue: try row.decode("attempt_state"))
    }
}
