module hookaudit.io/witness

go 1.26
