extension SQLExecutor {
    /// Which rights this user lacks to read and write everything in some schemas, such as `UPDATE on a.b`.
    package func missingRights(in schemas: [String]) async throws -> [String] {
        let rows = try await query(
            """
            SELECT format('USAGE on schema %I', n.nspname) FROM pg_namespace n
             WHERE n.nspname = ANY (\(schemas)::text[]) AND NOT has_schema_privilege(n.oid, 'USAGE')
            UNION ALL
            SELECT format('%s on %I.%I', wanted, n.nspname, c.relname)
              FROM pg_class c
              JOIN pg_namespace n ON n.oid = c.relnamespace,
                   unnest(CASE c.relkind WHEN 'S' THEN ARRAY['USAGE'] WHEN 'v' THEN ARRAY['SELECT']
                          ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) AS wanted
             WHERE n.nspname = ANY (\(schemas)::text[]) AND c.relkind IN ('r', 'p', 'v', 'S')
               AND NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, wanted)
                       ELSE has_table_privilege(c.oid, wanted) END
            UNION ALL
            SELECT format('EXECUTE on %s', p.oid::regprocedure) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = ANY (\(schemas)::text[]) AND NOT has_function_privilege(p.oid, 'EXECUTE')
            """
        )
        return try rows.map { try $0.decode(at: 0, as: String.self) }
    }
}
