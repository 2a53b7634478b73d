/// Remembers in which row a value came first, in 12 bytes a value and some room to grow: a million rows in about 20 MB.
///
/// Values are known by a 64-bit hash under a seed of this process. That two different ones agree among a million rows
/// has a chance of about 1 in 40 million, and costs one row that is reported as a duplicate.
struct DuplicateTable {
    private var shards = [Shard](repeating: Shard(), count: 64)

    /// - Returns: The line under which this hash was noted first, or `nil` when `line` is the first.
    mutating func firstLine(of hash: UInt64, at line: Int) -> Int? {
        let key = Self.key(hash)
        let number = UInt32(clamping: line)
        // Shards grow one after the other, so that the old and the new table are never both whole in memory.
        guard let first = shards[Int(key & 63)].firstLine(of: key, at: number) else { return nil }
        return Int(first)
    }

    /// Whether this hash was noted.
    func contains(_ hash: UInt64) -> Bool {
        let key = Self.key(hash)
        return shards[Int(key & 63)].contains(key)
    }

    /// 0 marks a free slot.
    private static func key(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

    private struct Shard {
        private var keys: [UInt64] = []
        private var lines: [UInt32] = []
        private var count = 0

        mutating func firstLine(of key: UInt64, at line: UInt32) -> UInt32? {
            if count * 5 >= keys.count * 4 { grow() }
            let slot = slot(of: key)
            if keys[slot] == key { return lines[slot] }
            keys[slot] = key
            lines[slot] = line
            count += 1
            return nil
        }

        func contains(_ key: UInt64) -> Bool { !keys.isEmpty && keys[slot(of: key)] == key }

        /// Where `key` is, or the free slot where it belongs.
        private func slot(of key: UInt64) -> Int {
            // The high half of the product spreads the hash over any size, not only powers of two.
            var slot = Int(key.multipliedFullWidth(by: UInt64(keys.count)).high)
            while keys[slot] != 0, keys[slot] != key {
                slot = slot + 1 == keys.count ? 0 : slot + 1
            }
            return slot
        }

        private mutating func grow() {
            let (oldKeys, oldLines) = (keys, lines)
            let size = max(16, oldKeys.count * 3 / 2)
            keys = [UInt64](repeating: 0, count: size)
            lines = [UInt32](repeating: 0, count: size)
            for (key, line) in zip(oldKeys, oldLines) where key != 0 {
                let slot = slot(of: key)
                keys[slot] = key
                lines[slot] = line
            }
        }
    }
}
