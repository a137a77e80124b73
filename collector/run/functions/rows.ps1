# Rows as lines of JSON, the same from Windows PowerShell 5.1 and PowerShell 7, whatever the culture of this machine.

Set-StrictMode -Off
$ErrorActionPreference = 'Stop'
$Invariant = [System.Globalization.CultureInfo]::InvariantCulture
$Utf8 = New-Object System.Text.UTF8Encoding($false)
$Sha = [System.Security.Cryptography.SHA256]::Create()
$Folder = (New-Item -ItemType Directory -Force -Path $Folder).FullName
$Log = Join-Path $Folder 'log.txt'

function Write-Log {
    param([string]$Text)
    $Now = [datetime]::UtcNow.ToString('o', $Invariant)
    [System.IO.File]::AppendAllText($Log, "$Now $Text`r`n", $Utf8)
}

# A moment in UTC with all its digits; one without a zone is UTC.
function ConvertTo-Utc {
    param($Value)
    if ($Value -is [datetime]) {
        if ($Value.Kind -eq [System.DateTimeKind]::Unspecified) {
            return [datetime]::SpecifyKind($Value, [System.DateTimeKind]::Utc)
        }
        return $Value.ToUniversalTime()
    }
    $Styles = [System.Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'
    return [datetime]::Parse([string]$Value, $Invariant, $Styles)
}

# What JSON is made of: no date in a form that each version of PowerShell writes its own way, no number for a name. A
# list that a function gave is wrapped, and PowerShell 5.1 would write it as an object, unless it is taken out.
function ConvertTo-Plain {
    param($Value)
    if ($null -eq $Value) {
        return $null
    }
    if ($Value -is [datetime]) {
        return (ConvertTo-Utc $Value).ToString('o', $Invariant)
    }
    if ($Value.GetType().IsPrimitive -or $Value -is [decimal]) {
        return $Value
    }
    if ($Value -is [System.Collections.IDictionary] -or $Value -is [System.Management.Automation.PSCustomObject]) {
        return ConvertTo-Members $Value
    }
    if ($Value -is [System.Collections.IEnumerable] -and $Value -isnot [string]) {
        $List = @(foreach ($One in $Value) { ConvertTo-Plain $One })
        for ($At = 0; $At -lt $List.Count; $At++) {
            if ($List[$At] -is [array]) { $List[$At] = $List[$At].PSObject.BaseObject }
        }
        return , $List
    }
    return [string]$Value
}

# A dictionary's own members are Count, Keys and Values: what it holds is told by its enumerator.
function ConvertTo-Members {
    param($Row)
    $Members = [ordered]@{}
    $Held = $(if ($Row -is [System.Collections.IDictionary]) { $Row.GetEnumerator() } else { $Row.PSObject.Properties })
    foreach ($Member in $Held) {
        $Name = $(if ($Row -is [System.Collections.IDictionary]) { [string]$Member.Key } else { $Member.Name })
        $Plain = ConvertTo-Plain $Member.Value
        $Members[$Name] = $Plain
        if ($Plain -is [array]) { $Members[$Name] = $Plain.PSObject.BaseObject }
    }
    return $Members
}

# Escapes all that is not ASCII, half of a surrogate pair too: no encoding can damage it then.
function ConvertTo-Ascii {
    param([string]$Text)
    return [regex]::Replace($Text, '[^\x00-\x7F]', { param($Match) '\u{0:x4}' -f [int]$Match.Value[0] })
}

function ConvertTo-Line {
    param($Members)
    return ConvertTo-Ascii (ConvertTo-Json -InputObject $Members -Depth 20 -Compress)
}

# Writes the rows that are not in the file yet; returns for each what tells it from others: some members, or else all
# that it says, whom the call named, and how many rows of its answer say the same so far. Such a row is in the file only
# if an earlier attempt at its call brought it; it stands beside what it is about.
function Add-Row {
    param($File, $Rows, [string[]]$Names, [string]$About)
    $Same = New-Object 'System.Collections.Generic.HashSet[string]'
    foreach ($Row in $Rows) {
        $Members = ConvertTo-Members $Row
        if (-not $Names) {
            $Members = [ordered]@{ source = $File.Source; part = $File.Part; row = $Members }
        }
        $Line = ConvertTo-Line $Members
        $Text = @(foreach ($Name in $Names) { [string](ConvertTo-Plain $Row.$Name) }) -join "`n"
        if (-not $Text.Trim()) {
            $Text = $Line
        }
        $Bytes = $Utf8.GetBytes((ConvertTo-Ascii "$About`n$Text"))
        $Key = [System.Convert]::ToBase64String($Sha.ComputeHash($Bytes))
        if (-not $Names) {
            $Count = 1
            while (-not $Same.Add("$Key $Count")) { $Count++ }
            $Key = "$Key $Count"
        }
        if ($File.Seen.Add($Key)) {
            $File.Writer.Write("$Line`n")
            $File.Rows++
        }
        $Key
    }
    $File.Writer.Flush()
}
