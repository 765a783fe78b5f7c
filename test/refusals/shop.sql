CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL, parent int) DISTRIBUTE BY REPLICATION;
CREATE TABLE customers (tenant_id int NOT NULL, id bigint NOT NULL, name text, PRIMARY KEY (tenant_id, id)) DISTRIBUTE BY HASH (tenant_id);
CREATE TABLE orders (tenant_id int NOT NULL, id bigint NOT NULL, status text, placed timestamptz, due date, total numeric(12,2), PRIMARY KEY (tenant_id, id)) DISTRIBUTE BY HASH (tenant_id);
CREATE TABLE stores (region text NOT NULL, id int NOT NULL, name text, staff int, PRIMARY KEY (region, id)) DISTRIBUTE BY LIST (region) (SLICE eu VALUES ('eu-north', 'eu-south'), SLICE rest VALUES (DEFAULT));
CREATE TABLE settings (key text PRIMARY KEY, value jsonb) TO NODE (dn2);
INSERT INTO tenants SELECT i, 'tenant ' || i FROM generate_series(1, 9) i;
INSERT INTO orders SELECT i % 9 + 1, i, 'new', now(), current_date, i FROM generate_series(1, 90) i;
INSERT INTO stores SELECT 'eu-north', i, 'store', i FROM generate_series(1, 9) i;
INSERT INTO stores SELECT 'asia', i, 'store', i FROM generate_series(1, 9) i;
