"""The practice itself: settings, rights, the audit trail, jobs' bookkeeping and backups."""
