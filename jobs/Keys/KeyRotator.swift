import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres

/// Rotates one client's key within any job: step after step, as the rules allow, until they end or something must be waited
/// for. Run it again after ``RotationResult/later(_:)`` and after a crash: it goes on where it was.
struct KeyRotator: Sendable {
    private let api: FactPulseClient
    private let uid: ClientUID
    private let vault: Vault
    private let writer: RotationWriter

    /// - Parameter context: Of the job that holds the client: its fence guards every write, and the call.
    init(api: FactPulseClient, uid: ClientUID, vault: Vault, times: SettleTimes, context: JobContext) {
        guard let client = UUID(uuidString: uid.text) else { preconditionFailure("a uid is a UUID") }
        self.api = api
        self.uid = uid
        self.vault = vault
        writer = RotationWriter(client: client, vault: vault, times: times, context: context)
    }

    /// - Parameter resume: A person asks to go on where the rules gave up.
    func run(resume: Bool) async throws -> RotationResult {
        do {
            return try await rotate(resume: resume)
        } catch is Vault.RotationOver {
            // Another job was at the same client; what it wrote stands, and is read again.
            return .later(.seconds(5))
        } catch let error as PostgresError where error.sqlState == "23503" {
            // Our KEK was retired since we read it.
            try await vault.reloadKeys()
            return .later(.seconds(1))
        }
    }

    private func rotate(resume: Bool) async throws -> RotationResult {
        // The permit and the token first: once the intent is written, nothing is left to wait for.
        var admission: Admission?
        let obstacle: String?
        do {
            obstacle = try await self.obstacle()
            admission = try await api.client(uid).admit()
        } catch let error as FactPulseError {
            return notReached(error)
        }
        guard var rotation = try await writer.begin(resume: resume, unless: obstacle) else {
            return .noKey(reason: RotationReport.noKey(writer.client))
        }
        // What is in doubt is settled all the same.
        if let obstacle, rotation.attempt == nil { return .skipped(reason: obstacle) }
        while true {
            switch rotation.rules.next(at: rotation.asOf) {
            case .ended(let end): return .ended(RotationReport(end, rotation))
            case .wait(let until): return .later(.seconds(max(0, until.timeIntervalSince(rotation.asOf)) + 0.1))
            case .awaitAnswer: preconditionFailure("the answer of a call is written before the next step")
            case .makeKey, .call: break
            }
            do {
                let permit: Admission
                if let admission { permit = admission } else { permit = try await api.client(uid).admit() }
                admission = nil
                if rotation.rules.next(at: rotation.asOf) == .makeKey { rotation = try await readyKey(rotation) }
                let verdict = try await call(&rotation, permit)
                // What is known must be written, also by a job that is cancelled now.
                rotation = try await Task { [rotation] in try await writer.write(verdict, rotation) }.value
                CrashPoint.reached("rotation-answer-written")
                if case .notSent = verdict.answer { return .later(verdict.retryAfter ?? .seconds(5)) }
            } catch let error as FactPulseError {
                return notReached(error)
            }
        }
    }

    /// A key that is committed and escrowed. Before that it is in no request.
    private func readyKey(_ rotation: ClientRotation) async throws -> ClientRotation {
        var rotation = rotation.unfinished == nil ? try await writer.makeKey(rotation) : rotation
        guard let key = rotation.unfinished else { return rotation }
        CrashPoint.reached("rotation-key-committed")
        try await vault.escrow([key])
        CrashPoint.reached("rotation-key-escrowed")
        rotation.keyReady()
        return rotation
    }

    private func call(_ rotation: inout ClientRotation, _ admission: Admission) async throws -> RotationVerdict {
        guard case .call(let from, let to) = rotation.rules.next(at: rotation.asOf) else {
            preconditionFailure("the rules allow no call")
        }
        // Opened first: a key that does not open must not leave a call in doubt.
        let (old, new) = (try await key(from, rotation), try await key(to, rotation))
        let intent = ContinuousClock.now
        rotation = try await writer.beginCall(rotation)
        CrashPoint.reached("rotation-intent")
        let guarded = api.guarded(since: intent, writer.times, writer.context)
        let result: Result<KeyRotationResponse, FactPulseError>
        do {
            result = .success(
                try await guarded.client(uid).rotateEncryptionKey(from: old, to: new, admission: admission)
            )
        } catch {
            result = .failure(error)
        }
        CrashPoint.reached("rotation-answer")
        return RotationVerdict(result)
    }

    private func key(_ version: Int, _ rotation: ClientRotation) async throws -> EncryptionKey {
        let name = SecretName(.clientKey, of: rotation.client, version: version)
        guard let sealed = rotation.keys[version]?.sealed,
            let key = try await vault.open(sealed, as: name).withBytes({ EncryptionKey(bytes: $0) })
        else { throw VaultError.doesNotOpen(name) }
        return key
    }

    /// Why this client should not get a new key now; `nil` when nothing stands against it.
    private func obstacle() async throws -> String? {
        guard try await api.client(uid).get().isActive else { return "the client is deactivated: activate it first" }
        let configuration = try await api.client(uid).pdpConfig()
        guard configuration.isConfigured else {
            return "the client has no PDP configuration: nothing of it is under a key"
        }
        guard configuration.encryptionMode == EncryptionMode.double.rawValue else {
            return "the client's secrets are not in double encryption mode: none is under a key"
        }
        return nil
    }

    /// The API could not be asked; no rotation was sent since the last answer was written.
    private func notReached(_ error: FactPulseError) -> RotationResult {
        switch error.outcome {
        case .refused, .unauthorized, .credentialsRefused: .refused(error)
        case .notSent, .throttled, .uncertain: .later(error.retryAfter ?? .seconds(5))
        }
    }
}
