-- Immutability. A REPLACE deletes without a trigger, so the insert itself is guarded. `requests_no_replace` also makes one
-- request one row whatever the code above does: its `seen` key is written after the row.
CREATE TRIGGER requests_no_update BEFORE UPDATE ON requests
BEGIN SELECT raise(ABORT, 'immutable: requests never change'); END;
CREATE TRIGGER requests_no_delete BEFORE DELETE ON requests
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'retention')
BEGIN SELECT raise(ABORT, 'immutable: requests are only removed by retention'); END;
CREATE TRIGGER requests_no_replace BEFORE INSERT ON requests
WHEN EXISTS (SELECT 1 FROM requests WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM seen WHERE key = NEW.request_id)
BEGIN SELECT raise(ABORT, 'immutable: requests are never replaced'); END;
CREATE TRIGGER adjustments_no_update BEFORE UPDATE ON adjustments
BEGIN SELECT raise(ABORT, 'immutable: adjustments never change'); END;
CREATE TRIGGER adjustments_no_delete BEFORE DELETE ON adjustments
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'retention')
BEGIN SELECT raise(ABORT, 'immutable: adjustments are only removed by retention'); END;
CREATE TRIGGER adjustments_no_replace BEFORE INSERT ON adjustments
WHEN EXISTS (SELECT 1 FROM adjustments WHERE id = NEW.id OR cause = NEW.cause)
BEGIN SELECT raise(ABORT, 'immutable: adjustments are never replaced'); END;
CREATE TRIGGER seen_no_update BEFORE UPDATE ON seen
BEGIN SELECT raise(ABORT, 'immutable: seen keys never change'); END;
CREATE TRIGGER seen_no_delete BEFORE DELETE ON seen
BEGIN SELECT raise(ABORT, 'immutable: seen keys are never removed'); END;
CREATE TRIGGER seen_no_replace BEFORE INSERT ON seen
WHEN EXISTS (SELECT 1 FROM seen WHERE key = NEW.key)
BEGIN SELECT raise(ABORT, 'immutable: seen keys are never replaced'); END;
CREATE TRIGGER models_no_update BEFORE UPDATE ON models
BEGIN SELECT raise(ABORT, 'immutable: models never change'); END;
CREATE TRIGGER models_no_delete BEFORE DELETE ON models
BEGIN SELECT raise(ABORT, 'immutable: models are never removed'); END;
CREATE TRIGGER models_no_replace BEFORE INSERT ON models
WHEN EXISTS (SELECT 1 FROM models WHERE id = NEW.id OR (provider = NEW.provider AND model = NEW.model))
BEGIN SELECT raise(ABORT, 'immutable: models are never replaced'); END;
CREATE TRIGGER traits_no_update BEFORE UPDATE ON traits
BEGIN SELECT raise(ABORT, 'immutable: traits never change'); END;
CREATE TRIGGER traits_no_delete BEFORE DELETE ON traits
BEGIN SELECT raise(ABORT, 'immutable: traits are never removed'); END;
CREATE TRIGGER traits_no_replace BEFORE INSERT ON traits
WHEN EXISTS (SELECT 1 FROM traits WHERE id = NEW.id OR (source, dialect, endpoint, status, billing, cost_source, usage_quality) =
  (NEW.source, NEW.dialect, NEW.endpoint, NEW.status, NEW.billing, NEW.cost_source, NEW.usage_quality))
BEGIN SELECT raise(ABORT, 'immutable: traits are never replaced'); END;
CREATE TRIGGER outcomes_no_update BEFORE UPDATE ON outcomes
BEGIN SELECT raise(ABORT, 'immutable: outcomes never change'); END;
CREATE TRIGGER outcomes_no_delete BEFORE DELETE ON outcomes
BEGIN SELECT raise(ABORT, 'immutable: outcomes are never removed'); END;
CREATE TRIGGER outcomes_no_replace BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE id = NEW.id OR digest = NEW.digest)
BEGIN SELECT raise(ABORT, 'immutable: outcomes are never replaced'); END;
CREATE TRIGGER price_versions_no_update BEFORE UPDATE ON price_versions
BEGIN SELECT raise(ABORT, 'immutable: price versions never change'); END;
CREATE TRIGGER price_versions_no_delete BEFORE DELETE ON price_versions
BEGIN SELECT raise(ABORT, 'immutable: price versions are never removed'); END;
CREATE TRIGGER price_versions_no_replace BEFORE INSERT ON price_versions
WHEN EXISTS (SELECT 1 FROM price_versions WHERE id = NEW.id OR version = NEW.version)
BEGIN SELECT raise(ABORT, 'immutable: price versions are never replaced'); END;
CREATE TRIGGER rates_no_update BEFORE UPDATE ON rates
BEGIN SELECT raise(ABORT, 'immutable: rates never change'); END;
CREATE TRIGGER rates_no_delete BEFORE DELETE ON rates
BEGIN SELECT raise(ABORT, 'immutable: rates are never removed'); END;
CREATE TRIGGER rates_no_replace BEFORE INSERT ON rates
WHEN EXISTS (SELECT 1 FROM rates WHERE id = NEW.id OR digest = NEW.digest)
BEGIN SELECT raise(ABORT, 'immutable: rates are never replaced'); END;
