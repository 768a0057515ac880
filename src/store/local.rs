//! stub
#![allow(missing_docs, unused_variables, clippy::todo)]
use super::*;
#[derive(Clone)]
pub struct Local;
#[derive(Clone)]
pub struct LocalView;
impl LocalView {
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        todo!()
    }
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: PageLimit,
        direction: Direction,
    ) -> Result<Page, StoreError> {
        todo!()
    }
}
impl Local {
    pub fn open(path: &std::path::Path) -> Result<Self, StoreError> {
        todo!()
    }
    pub fn view(&self) -> Result<LocalView, StoreError> {
        todo!()
    }
    pub async fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
        todo!()
    }
    pub async fn changed(&self, key: &[u8]) {
        todo!()
    }
    pub fn leadership(&self) -> tokio::sync::watch::Receiver<Leadership> {
        todo!()
    }
    pub fn limits(&self) -> Limits {
        todo!()
    }
    pub fn usage(&self) -> Result<Usage, StoreError> {
        todo!()
    }
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        todo!()
    }
    pub async fn close(&self) -> Result<(), StoreError> {
        todo!()
    }
}
