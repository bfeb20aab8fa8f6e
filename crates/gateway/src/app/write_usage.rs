use service_runtime::ignored::Ignored;

use super::Gateway;
use crate::store::identity::keys::ApiKeys;

/// Writes down how often keys were used since the last time; what cannot be written waits for the next time.
pub async fn write_usage(gateway: &Gateway) {
    let rows = gateway.key_usage.take();
    if rows.is_empty() {
        return;
    }
    let written = ApiKeys::new(gateway.db.clone()).add_usage(&rows).await;
    if written.is_err() {
        gateway.key_usage.put_back(&rows);
    }
    written.ignored("writing down the use of API keys");
}
