"""Fees, packages, invoices, the ledgers, payments and AutoPay."""
