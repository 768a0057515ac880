//! stub
#![allow(missing_docs, unused_variables, clippy::todo)]
use super::*;
#[derive(Clone)]
pub struct Memory;
#[derive(Clone)]
pub struct MemoryView;
impl MemoryView {
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        todo!()
    }
    pub fn scan(&self, start: &[u8], end: &[u8], limit: PageLimit, direction: Direction) -> Page {
        todo!()
    }
}
impl Memory {
    pub fn new() -> Self {
        todo!()
    }
    pub fn view(&self) -> MemoryView {
        todo!()
    }
    pub fn apply(&self, batch: Batch) -> Result<(), ApplyError> {
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
    pub fn usage(&self) -> Usage {
        todo!()
    }
}
