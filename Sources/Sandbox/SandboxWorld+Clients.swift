import Foundation

/// The operations on clients themselves.
extension SandboxWorld {
    func listClients(_ call: Call) throws -> Answer {
        let (page, size) = try paging(call.query)
        let (first, overflow) = (page - 1).multipliedReportingOverflow(by: size)
        if (overflow || first >= order.count), page > 1, options.pagePastEnd == .notFound {
            throw Refusal(404, "Invalid page.")
        }
        let slice: [UUID] =
            switch options.listOrder {
            case .creation: overflow ? [] : Array(order.dropFirst(first).prefix(size))
            case .newestFirst: overflow ? [] : Array(order.reversed().dropFirst(first).prefix(size))
            case .shuffledWithinSeconds: overflow ? [] : Array(shuffledOrder().dropFirst(first).prefix(size))
            }
        var body = Data(
            #"{"total":\#(order.count + options.hiddenClients),"page":\#(page),"pageSize":\#(size),"results":["#.utf8
        )
        for (index, uid) in slice.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            if let client = try writtenClient(uid) { body.append(client) }
        }
        body.append(contentsOf: "]}".utf8)
        return Answer(status: 200, body: .written(body))
    }

    /// A client as a list shows it. Kept until it changes: a sweep reads thousands, most of them as they were before.
    private func writtenClient(_ uid: UUID) throws -> Data? {
        if let written = written[uid] { return written }
        guard let client = records[uid] else { return nil }
        let data = try JSONEncoder().encode(ClientBody(client, options.dates))
        written[uid] = data
        return data
    }

    func createClient(_ call: Call) throws -> Answer {
        var body = try BodyReader(call)
        let name = body.requiredText("name", length: 1...255)
        let description = body.optionalText("description", length: 0...1000)
        let siret = body.siret(luhn: options.luhn)
        try body.finish()
        try refuseDuplicate(name: name, siret: siret)
        let client = insert(name: name, siret: siret, description: description)
        ledger.changed(call.operation, client, at: client.createdAt)
        return .json(201, ClientBody(client, options.dates))
    }

    func updateClient(_ call: Call, _ client: ClientRecord) throws -> Answer {
        var body = try BodyReader(call)
        let name = body.optionalText("name", length: 1...255)
        let description = body.optionalText("description", length: 0...1000)
        let siret = body.siret(luhn: options.luhn)
        let clears = options.nullInPatch == .clears
        if body.has("name"), name == nil, clears, body.problems.isEmpty {
            body.report("name", "Input should be a valid string", "string_type")
        }
        try body.finish()
        var changed = client
        if let name { changed.name = name }
        if body.has("description"), description != nil || clears { changed.description = description }
        if body.has("siret"), siret != nil || clears { changed.siret = siret }
        if ["name", "description", "siret"].contains(where: body.has) {
            changed.updatedAt = tick()
            store(changed)
            ledger.changed(call.operation, changed, at: changed.updatedAt)
        }
        return .json(200, ClientBody(changed, options.dates))
    }

    func setActive(_ active: Bool, _ call: Call, _ client: ClientRecord) throws -> Answer {
        let state = active ? "active" : "inactive"
        if client.isActive == active, options.repeatActivation == .conflict {
            throw Refusal(409, "The client is already \(state)")
        }
        var changed = client
        changed.isActive = active
        changed.updatedAt = tick()
        store(changed)
        ledger.changed(call.operation, changed, at: changed.updatedAt)
        return .json(
            200,
            ActivationBody(uid: client.uidText, isActive: active, message: "The client is now \(state)")
        )
    }

    // MARK: Keeping records

    /// Adds a client without an entry in the ledger.
    @discardableResult
    func insert(uid: UUID? = nil, name: String, siret: String?, description: String? = nil) -> ClientRecord {
        let now = tick()
        let client = ClientRecord(
            uid: uid.flatMap { records[$0] == nil ? $0 : nil } ?? UUID(),
            name: name,
            siret: siret,
            description: description,
            createdAt: now,
            updatedAt: now
        )
        order.append(client.uid)
        store(client)
        return client
    }

    /// Puts a record in place of the one with its uid, if any, and keeps the counts right.
    func store(_ client: ClientRecord) {
        if let former = records.updateValue(client, forKey: client.uid) { uncount(former) }
        if let siret = client.siret { countBySIRET[siret, default: 0] += 1 }
        countByName[client.name, default: 0] += 1
        written[client.uid] = nil
    }

    /// - Returns: `false` when there is no such client.
    @discardableResult
    package func removeClient(_ uid: UUID) -> Bool {
        guard let former = records.removeValue(forKey: uid) else { return false }
        uncount(former)
        written[uid] = nil
        if let index = order.firstIndex(of: uid) { order.remove(at: index) }
        return true
    }

    private func uncount(_ client: ClientRecord) {
        if let siret = client.siret { Self.decrement(siret, in: &countBySIRET) }
        Self.decrement(client.name, in: &countByName)
    }

    private static func decrement(_ key: String, in counts: inout [String: Int]) {
        counts[key] = counts[key].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    private func refuseDuplicate(name: String, siret: String?) throws {
        let taken =
            switch options.duplicates {
            case .allowed: false
            case .sameSIRETRefused: siret.map { countBySIRET[$0] != nil } ?? false
            case .sameNameRefused: countByName[name] != nil
            }
        if taken { throw Refusal(409, "A client with this name or SIRET already exists") }
    }

    private func shuffledOrder() -> [UUID] {
        var keyed = order.compactMap { uid in
            records[uid].map { (second: $0.createdAt.microseconds / 1_000_000, uid: uid) }
        }
        keyed.shuffle(using: &shuffler)
        // Stable: within one second the shuffle stays.
        keyed.sort { $0.second < $1.second }
        return keyed.map(\.uid)
    }

    private func paging(_ query: [String: String]) throws -> (page: Int, size: Int) {
        var problems: [Problem] = []
        func number(_ name: String, default fallback: Int, most: Int) -> Int {
            guard let text = query[name] else { return fallback }
            func report(_ message: String, _ type: String) {
                problems.append(Problem(location: ["query", name], message: message, type: type))
            }
            guard let value = Int(text) else {
                report("Input should be a valid integer, unable to parse string as an integer", "int_parsing")
                return fallback
            }
            if value < 1 { report("Input should be greater than or equal to 1", "greater_than_equal") }
            if value > most { report("Input should be less than or equal to \(most)", "less_than_equal") }
            return value
        }
        let cuts = options.oversizedPage == .cut
        let page = number("page", default: 1, most: .max)
        let size = number("pageSize", default: 20, most: cuts ? .max : 100)
        if !problems.isEmpty { throw Refusal(problems: problems) }
        return (page, min(size, 100, max(1, options.largestPage)))
    }
}
