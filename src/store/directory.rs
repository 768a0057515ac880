//! stub
use super::*;
#[allow(clippy::todo, unused_variables)]
pub async fn prefix(store: &Store, name: &str) -> Result<Bytes, StoreError> {
    todo!()
}
