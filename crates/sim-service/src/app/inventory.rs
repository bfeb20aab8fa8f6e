use super::App;
use crate::error::AppError;
use crate::store::Member;

impl App {
    /// A page of the inventory behind that number, and whether more follow.
    ///
    /// # Errors
    /// The database's.
    pub async fn members(&self, after: i64, limit: u32) -> Result<(Vec<Member>, bool), AppError> {
        let mut members = self.store.members_after(after, i64::from(limit) + 1).await?;
        let more = members.len() > limit as usize;
        members.truncate(limit as usize);
        Ok((members, more))
    }
}
